using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training;
using TransformerTorch.Training.Objectives;
using TransformerTorch.Training.Optimization;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Training;

/// <summary>The loop: what it evaluates, keeps, skips and gives up.</summary>
[Collection(nameof(Alone))]
public sealed class TrainerTests : IDisposable
{
    private readonly TinyRun _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public void The_best_checkpoint_is_kept_and_its_weights_are_exported()
    {
        // The rate is so high that the model gets worse again: the best evaluation is not the last.
        _run.Config = _run.Config with
        {
            LearningRate = 1, LrSchedulerType = LrSchedulerType.Constant, EvalSteps = 1, SaveSteps = 0, SaveTotalLimit = 1,
            LoadBestModelAtEnd = true, MaxSteps = 6,
        };

        var result = _run.Start();

        var evaluations = _run.Metrics().Where(m => m.ContainsKey("eval_loss"))
            .ToDictionary(m => (int)m["step"]!, m => (double)m["eval_loss"]!);
        var best = evaluations.MinBy(e => e.Value);
        Assert.NotEqual(6, best.Key);
        Assert.Equal((best.Key, best.Value), (result.BestStep, result.Evaluation!.EvalLoss));
        Assert.Equal(File.ReadAllBytes(Path.Combine(_run.Checkpoint(best.Key), "model.safetensors")),
            File.ReadAllBytes(Path.Combine(result.ModelFolder!, "model.safetensors")));
        Assert.Equal(((string[])[$"step-{best.Key}", "step-6"]).Order(),
            Directory.GetDirectories(Path.Combine(_run.Config.OutputDir, "checkpoints")).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(false, 3)]
    public void Evaluations_that_are_compared_are_of_the_same_windows(bool best, int patience)
    {
        _run.Config = _run.Config with
        {
            EvalSteps = 4, EvalSamples = 2, LoadBestModelAtEnd = best, EarlyStoppingPatience = patience, MaxSteps = 8,
        };
        _run.Start();

        var tokens = _run.Metrics().Where(m => m.ContainsKey("eval_loss")).Select(m => (long)m["eval_tokens"]!).ToList();
        Assert.Equal(2, tokens.Count);
        Assert.Equal(best || patience > 0, tokens[0] == tokens[1]);     // else the last takes all that is held out
    }

    [Fact]
    public void Training_stops_when_evaluations_do_not_improve_any_more()
    {
        _run.Config = _run.Config with
        {
            LearningRate = 0, EvalSteps = 2, EarlyStoppingPatience = 2, MaxSteps = 40, SaveSteps = 0,
        };

        var result = _run.Start();

        Assert.Equal((6, false), (result.Step, result.Interrupted)); // the first of three is the best
        Assert.NotNull(result.ModelFolder);
    }

    [Fact]
    public void Patience_is_remembered_over_an_interruption()
    {
        _run.Config = _run.Config with { LearningRate = 0, EvalSteps = 2, EarlyStoppingPatience = 3, MaxSteps = 40, SaveSteps = 0 };
        Assert.Equal(5, _run.StartUntil(5).Step);

        Assert.Equal(8, _run.Resume().Step);
    }

    [Fact]
    public void A_best_model_is_told_by_threshold_and_direction()
    {
        var best = new BestModel(new(null, 0, 0)) { Metric = "accuracy", GreaterIsBetter = true, Patience = 2, Threshold = 0.1 };
        EvaluationMetrics Accuracy(double value) => new(0, 1) { Scores = new() { ["eval_accuracy"] = value } };

        Assert.Equal([true, true, false], Enumerable.Range(0, 3).Select(i => best.Add(i, Accuracy(i == 1 ? 0.55 : 0.5))));

        Assert.True(best.IsOver); // 0.55 is the best, yet no improvement by more than 0.1
        Assert.Equal((0.55, 1), (best.State.Metric, best.State.Step));
        Assert.Contains("eval_accuracy", Assert.Throws<TrainingException>(() =>
            new BestModel(new(null, 0, 0)) { Metric = "f1" }.Add(1, Accuracy(1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_metric_that_is_no_number_yet_is_none_of_the_better_ones()
    {
        var best = new BestModel(new(null, 0, 0)) { Metric = "pearson", GreaterIsBetter = true };
        var constant = new EvaluationMetrics(0, 1) { Undefined = ["eval_pearson"] };

        Assert.Equal([false, true, false], new[] { constant, Pearson(-0.5), constant }.Select((e, i) => best.Add(i, e)));

        Assert.Equal((-0.5, 1), (best.State.Metric, best.State.Step));
        EvaluationMetrics Pearson(double value) => new(0, 1) { Scores = new() { ["eval_pearson"] = value } };
    }

    [Fact]
    public void Figures_that_are_no_numbers_are_written_as_null_and_are_none_of_the_better_ones()
    {
        var skipped = MetricsLog.Json(new StepMetrics(3, 0, double.NaN, 1e-3, double.PositiveInfinity, 10, 20)).ToJsonString();
        var best = new BestModel(new(null, 0, 0));

        Assert.StartsWith("{\"step\":3,\"epoch\":0,\"loss\":null,\"learning_rate\":0.001,\"grad_norm\":null,", skipped,
            StringComparison.Ordinal);
        Assert.Equal([false, true, false], new[] { double.NaN, 2, double.NaN }.Select((loss, i) => best.Add(i, new(i, loss))));
    }

    [Fact]
    public void An_error_is_better_the_less_it_is()
    {
        Assert.False((_run.Config with { MetricForBestModel = "mse" }).NewBest(new(null, 0, 0)).GreaterIsBetter);
        Assert.True((_run.Config with { MetricForBestModel = "pearson" }).NewBest(new(null, 0, 0)).GreaterIsBetter);
    }

    [Fact]
    public void Held_out_text_without_one_window_is_told_before_the_first_step()
    {
        _run.Config = _run.Config with { Data = _run.Config.Data with { ValSetSize = 0.0025 } };

        var error = Assert.Throws<DataException>(() => _run.Start());

        Assert.StartsWith("data.val_set_size, or data.val_files: the ", error.Message, StringComparison.Ordinal);
        Assert.Empty(_run.Events.OfType<StepDone>());
    }

    [Fact]
    public void A_best_checkpoint_that_is_gone_when_a_run_goes_on_is_looked_for_anew()
    {
        _run.Config = _run.Config with { LearningRate = 0, EvalSteps = 4, LoadBestModelAtEnd = true };   // the first stays the best
        _run.StartUntil(9);
        Directory.Delete(_run.Checkpoint(4), recursive: true);

        var result = _run.Resume();

        Assert.Equal(12, result.BestStep);
        Assert.Contains(_run.Events.OfType<Warned>(), w => w.Message.Contains("that of step 4 is not in", StringComparison.Ordinal));
    }

    [Fact]
    public void A_metric_that_no_evaluation_gives_is_told_before_the_first_step()
    {
        _run.Config = _run.Config with { MetricForBestModel = "acuracy", EvalSteps = 5, LoadBestModelAtEnd = true };

        var error = Assert.Throws<TrainingException>(() => _run.Start());

        Assert.StartsWith("metric_for_best_model: an evaluation gives no acuracy; it gives ", error.Message, StringComparison.Ordinal);
        Assert.Empty(_run.Events.OfType<StepDone>());
    }

    [Fact]
    public void Steps_below_one_are_a_share_of_all_rounded_up()
    {
        _run.Config = _run.Config with { MaxSteps = 10, LoggingSteps = 0.5, EvalSteps = 0.3, SaveSteps = 0.35 };
        _run.Start();

        Assert.Equal([1, 5, 10], _run.Metrics().Where(m => m.ContainsKey("loss")).Select(m => (int)m["step"]!));
        Assert.Equal([3, 6, 9, 10], _run.Metrics().Where(m => m.ContainsKey("eval_loss")).Select(m => (int)m["step"]!));
        Assert.Equal([4, 8, 10], _run.Events.OfType<Saved>().Select(saved => saved.Step));
    }

    [Fact]
    public void Evaluations_and_checkpoints_after_each_pass_over_the_data()
    {
        _run.Config = _run.Config with
        {
            EvalStrategy = IntervalStrategy.Epoch, SaveStrategy = IntervalStrategy.Epoch, MaxSteps = -1, NumTrainEpochs = 2.5,
            PerDeviceTrainBatchSize = 16,
        };

        var result = _run.Start();

        var epochs = _run.Metrics().Where(m => m.ContainsKey("epoch")).ToDictionary(m => (int)m["step"]!, m => (double)m["epoch"]!);
        var firsts = Enumerable.Range(1, 2).Select(n => epochs.First(e => e.Value >= n).Key).Append(result.Step).ToList();
        Assert.Equal(firsts, _run.Metrics().Where(m => m.ContainsKey("eval_loss")).Select(m => (int)m["step"]!));
        Assert.Equal(firsts, _run.Events.OfType<Saved>().Select(s => s.Step));
    }

    [Fact]
    public void Callbacks_see_every_event_and_may_stop_save_and_evaluate()
    {
        var callback = new Asking();
        var run = new TrainingRun(_run.Config with { SaveSteps = 0 }, _run) { Callbacks = [callback] };

        var result = run.Start();

        Assert.Equal((5, false), (result.Step, result.Interrupted));
        Assert.Equal(_run.Events.Where(e => e is not Preparing), callback.Seen);
        Assert.Equal([3, 5], _run.Events.OfType<Evaluated>().Select(e => e.Metrics.Step));
        Assert.Equal([2, 5], _run.Events.OfType<Saved>().Select(e => e.Step));
    }

    [Fact]
    public void The_average_of_the_weights_is_what_is_evaluated_and_exported()
    {
        _run.Config = _run.Config with { EmaDecay = 0.5, SaveSteps = 1, LearningRate = 1e-2 };

        var result = _run.Start();

        using var scope = NewDisposeScope();
        using var first = Open(_run.Checkpoint(1));
        var name = first.Tensors.Keys.First(n => n.EndsWith("wte.weight", StringComparison.Ordinal));
        var average = Read(1, "average.safetensors");
        for (var step = 2; step <= 12; step++) average = (average * 0.5) + (Read(step, "model.safetensors") * 0.5);
        using var exported = Open(result.ModelFolder!);
        Support.TensorAssert.Close(average, exported.Read(name), 1e-6);

        Tensor Read(int step, string file)
        {
            using var saved = Open(_run.Checkpoint(step), file);
            return saved.Read(file[0] == 'm' ? name : saved.Tensors.Keys.First(n => n.Contains("embeddings", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void What_does_not_fit_is_halved_until_it_does_and_the_step_is_the_same()
    {
        _run.Config = _run.Config with { PerDeviceTrainBatchSize = 8, Model = WithoutDropout(), MaxSteps = 3 };
        var whole = Train(auto: true, fits: 8);
        var halved = Train(auto: true, fits: 3);

        Assert.Equal(2, halved.Rows);
        Assert.All(whole.Losses.Zip(halved.Losses), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        var error = Assert.Throws<TrainingException>(() => Train(auto: false, fits: 3));
        Assert.Contains("auto_find_batch_size", error.Message, StringComparison.Ordinal);
        Assert.Contains("gradient_checkpointing", Assert.Throws<TrainingException>(() => Train(auto: true, fits: 0)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_scale_halves_at_an_overflow_and_doubles_after_so_many_steps_without_one()
    {
        var scaler = new GradientScaler(GradientScaler.Beginning) { GrowthInterval = 3 };

        var scales = Enumerable.Range(0, 7).Select(step =>
        {
            scaler.Update(overflowed: step is 0 or 5);
            return scaler.Scale;
        });

        Assert.Equal([32768, 32768, 32768, 65536, 65536, 32768, 32768], scales); // torch.amp.GradScaler's course
    }

    [SkippableFact]
    public void Float16_learns_with_a_scaled_loss_and_skips_what_overflows()
    {
        Skip.IfNot(NativeBridge.IsAvailable, NativeBridge.Missing);
        var full = Losses(_run.Config with { Model = WithoutDropout() });

        var half = Losses(_run.Config with { Model = WithoutDropout(), Fp16 = true });

        var skipped = (int)_run.Metrics().Last(m => m.ContainsKey("skipped_steps"))["skipped_steps"]!;
        Assert.All(full.Take(5).Zip(half.Skip(skipped)), pair => Assert.Equal(pair.First, pair.Second, 0.02));
    }

    [Fact]
    public void Pure_bfloat16_learns_as_float32_does()
    {
        var full = Losses(_run.Config with { Model = WithoutDropout() });
        var pure = Losses(_run.Config with { Model = WithoutDropout(), PureBf16 = true });

        Assert.All(full.Zip(pure), pair => Assert.Equal(pair.First, pair.Second, 0.05));
        using var saved = Open(_run.Checkpoint(12), "optimizer.safetensors");
        Assert.Contains(saved.Tensors.Keys, name => name.EndsWith(".halves", StringComparison.Ordinal));
    }

    [Fact]
    public void Unusual_gradients_and_losses_that_are_not_finite_are_skipped_where_allowed()
    {
        var guard = new StepGuard(nonFinite: 1, spike: 10, new(0, 0, 0, 0));
        for (var i = 0; i < 60; i++) Assert.Equal(Verdict.Take, guard.Judge(1, 2));

        Assert.Equal(Verdict.Skip, guard.Judge(1, 21));
        Assert.Equal(Verdict.Take, guard.Judge(1, 19));
        Assert.Equal(Verdict.Skip, guard.Judge(double.NaN, 1));
        Assert.Equal(Verdict.Take, guard.Judge(1, 2));
        Assert.Equal(Verdict.Skip, guard.Judge(1, double.PositiveInfinity));
        Assert.Equal(Verdict.Stop, guard.Judge(1, double.PositiveInfinity));
        Assert.Equal(4, guard.State.Skipped);
    }

    private List<double> Losses(RunConfig config)
    {
        _run.Config = config;
        _run.Start();
        return [.. _run.Metrics().Where(m => m.ContainsKey("loss")).Select(m => (double)m["loss"]!)];
    }

    private JsonObject WithoutDropout()
    {
        var keys = (JsonObject)_run.Config.Model.DeepClone();
        foreach (var key in (string[])["resid_pdrop", "embd_pdrop", "attn_pdrop"]) keys[key] = 0.0;
        return keys;
    }

    private (List<double> Losses, int Rows) Train(bool auto, int fits)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var keys = (JsonObject)_run.Config.Model.DeepClone();
        keys["vocab_size"] = 300;
        var model = new CausalLanguageModel(ModelConfig.FromKeys(keys, "test"));
        model.InitializeWeights();
        using var optimizer = new Optimizer(new ParameterRules().Groups(model), new AdamW());
        LoopState? saved = null;
        var losses = new List<double>();
        var trainer = new Trainer(_run.Config with { AutoFindBatchSize = auto }, new TrainerParts
        {
            Objective = new Narrow(new ModelObjective(model), fits), Optimizer = optimizer, LearningRate = _run.Config.Schedule(3),
            Loader = new Counting(8, 16), Save = state => { saved = state; return ""; },
        }, CPU, happened => { if (happened is StepDone step) losses.Add(step.Metrics.Loss); });
        trainer.Run(CancellationToken.None);
        return (losses, saved!.Rows);
    }

    private sealed class Asking : ITrainingCallback
    {
        public List<TrainingEvent> Seen { get; } = [];

        public void OnEvent(TrainingEvent happened, TrainingControl control)
        {
            Seen.Add(happened);
            if (happened is not StepDone { Metrics.Step: var step }) return;
            if (step == 2) control.Save();
            if (step == 3) control.Evaluate();
            if (step == 5) control.Stop();
        }
    }

    /// <summary>An objective for which so many rows fit into memory.</summary>
    private sealed class Narrow(IObjective inner, int fits) : IObjective
    {
        public nn.Module Model => inner.Model;

        public IReadOnlyList<(string Folder, PretrainedModel Model)> Parts => inner.Parts;

        public IReadOnlyList<LossTerm> Loss(DeviceBatch batch) => batch.Host.Rows <= fits ? inner.Loss(batch)
            : throw new InvalidOperationException("CUDA out of memory. Tried to allocate 2.00 GiB");

        public IReadOnlyDictionary<string, Tensor> Predict(DeviceBatch batch) => inner.Predict(batch);
    }

    /// <summary>Rows that count on.</summary>
    private sealed class Counting(int rows, int length) : IBatchLoader
    {
        public LoaderState State { get; private set; } = new(0, 0, 0, [new(0, 0, 1)]);

        public double Epochs => 0;

        public double BatchesPerEpoch => 1;

        public Batch NextBatch()
        {
            State = State with { Within = State.Within + 1 };
            long[] Ids(int ahead) => [.. Enumerable.Range(0, rows * length).Select(i => (i * 7L + State.Within + ahead) % 300)];
            return new(new Dictionary<string, Column>
            {
                [Batch.Names.InputIds] = Column.Of(Ids(0), rows, length), [Batch.Names.ShiftLabels] = Column.Of(Ids(7), rows, length),
            })
            {
                TargetCount = rows * length, TokenCount = rows * length,
            };
        }

        public void Dispose() { }
    }

    private static TensorFile Open(string folder, string file = "model.safetensors") => TensorFile.Open(Path.Combine(folder, file));
}
