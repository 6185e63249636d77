using TorchSharp;
using TransformerTorch.Checkpoints;
using TransformerTorch.Configuration;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Evaluation;
using TransformerTorch.Training.Objectives;
using TransformerTorch.Training.Optimization;
using TransformerTorch.Training.Reports;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>Goes on with a prompt: text for text. Training knows no generator; whoever starts a run brings one.</summary>
public delegate string TextSampler(CausalLanguageModel model, TrainedTokenizer tokenizer, string prompt);

/// <summary>
/// A run from its configuration to its results: prepares the data, builds the model, trains, and leaves in <c>output_dir</c> the resolved
/// <c>config.yaml</c>, <c>metrics.jsonl</c>, <c>loss.svg</c>, <c>checkpoints/</c> and <c>model/</c>.
/// </summary>
/// <param name="config">The run.</param>
/// <param name="reporter">Told what happens.</param>
public sealed class TrainingRun(RunConfig config, ITrainingReporter reporter)
{
    private readonly OutputFolder _output = new(config.OutputDir);
    private readonly TrainingControl _control = new();
    private ITrainingReporter? _recorder;

    /// <summary>Writes the samples; none, no samples.</summary>
    public TextSampler? Sampler { get; init; }

    /// <summary>Take part in the run, in this order.</summary>
    public IReadOnlyList<ITrainingCallback> Callbacks { get; init; } = [];

    /// <summary>Trains from the first step; what an earlier run left is moved into <c>earlier-N</c>.</summary>
    /// <exception cref="TrainingException">Training cannot go on.</exception>
    /// <exception cref="DataException">The data are missing or malformed.</exception>
    /// <exception cref="ModelConfigException">The <c>model:</c> section is wrong.</exception>
    /// <exception cref="OperationCanceledException">It was stopped before the first step.</exception>
    public TrainingResult Start(CancellationToken stop = default)
    {
        using var only = _output.Lock();
        return Run(checkpoint: null, stop);
    }

    /// <summary>Goes on from a checkpoint: the named one, or the newest that is whole.</summary>
    /// <exception cref="CheckpointException">There is none, or the named one is damaged.</exception>
    /// <inheritdoc cref="Start"/>
    public TrainingResult Resume(string? checkpoint = null, CancellationToken stop = default)
    {
        using var only = _output.Lock();
        var (newest, defects) = TrainingCheckpoint.Newest(_output.Checkpoints);
        if (checkpoint is not null && AtomicFolder.Defect(checkpoint) is { } defect)
            throw new CheckpointException(
                $"{checkpoint}: {defect}. {(newest is null ? "" : $"The newest whole one is {newest}.")}".TrimEnd());
        if (checkpoint is null)
            foreach (var damaged in defects) reporter.Report(new Warned($"Passed over a damaged checkpoint: {damaged}."));
        return Run(checkpoint ?? newest ?? throw new CheckpointException($"{_output.Checkpoints} holds no checkpoint to resume from." +
            (defects.Count > 0 ? $" Damaged: {string.Join("; ", defects)}." : " Start without --resume.")), stop);
    }

    private TrainingResult Run(string? checkpoint, CancellationToken stop)
    {
        using var scope = NewDisposeScope();
        config = config.Settled();
        var device = Devices.Parse(config.Device);
        if (config.Precision is Precision.Bf16 or Precision.PureBf16 && !Devices.MultipliesBf16(device))
            Tell(new Warned("Without the native library bfloat16 is some thirty times slower than float32 on this processor: " +
                $"set {(config.PureBf16 ? "pure_bf16" : "bf16")}: false."));
        var preparation = new DataPreparation(config.Data, (what, done, total) => reporter.Report(new Preparing(what, done, total)), stop);
        var tokenizer = preparation.Tokenizer(Tokenizer(), config.Objective.TokenizerStyle);
        var learnt = config.Objective.Prepare(new(config.Data, tokenizer, preparation.Values));
        using var data = preparation.Prepare(learnt.Recipe);
        if (data.Malformed > 0)
            Tell(new Warned($"{data.Malformed} malformed records were left out, the first: {data.MalformedRecords[0]}"));

        var trained = RunModel.Create(config, tokenizer, learnt.ModelKeys, said => Tell(new Warned(said)));
        var objective = trained.Objective;
        using var optimizer = new Optimizer(config.ParameterRules.Groups(objective.Model), config.UpdateRule);
        using var average = config.EmaDecay > 0 ? new WeightAverage(optimizer.Parameters, config.EmaDecay) : null;
        var parts = new CheckpointParts(optimizer, Yaml.Write(config))
        {
            Average = average, SaveModel = SaveModel, LoadModel = trained.Load,
        };
        var state = checkpoint is null ? null : TrainingCheckpoint.Load(checkpoint, parts);
        return Train(new(data, learnt.Recipe, tokenizer, objective, optimizer, parts, device), state, checkpoint, stop);

        void SaveModel(string folder)
        {
            trained.Save(folder);
            tokenizer.CopyTo(folder);
            if (learnt.ChatTemplate is { } template) File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), template);
        }
    }

    // That of the model begun from, where no other is named.
    private TokenizerConfig Tokenizer() => config.Tokenizer is { } said and not { Path: null, Train: null } ? said
        : (config.Tokenizer ?? new()) with { Path = ModelFolder.Find(config.InitFrom!) };

    private TrainingResult Train(Built built, LoopState? state, string? checkpoint, CancellationToken stop)
    {
        var (data, recipe, tokenizer, objective, optimizer, saved, device) = built;
        var parts = data.Train.Lay(recipe, config.Seed);
        var options = new LoaderOptions
        {
            Rows = config.PerDeviceTrainBatchSize, MaxTokens = config.Data.MaxTokens, GroupByLength = config.Data.GroupByLength,
            PackedLength = config.Data.SamplePacking ? config.Data.Length : 0, Prefetch = config.Data.DataloaderPrefetch,
        };
        using var loader = new BatchLoader(parts, recipe.Collator, options, state?.Loader ?? BatchLoader.Beginning(parts, config.Seed));
        var perStep = config.PerDeviceTrainBatchSize * config.GradientAccumulationSteps;
        var total = config.MaxSteps > 0 ? config.MaxSteps
            : (int)Math.Ceiling(config.NumTrainEpochs * loader.BatchesPerEpoch / config.GradientAccumulationSteps);
        var held = data.Validation?.Lay(recipe, config.PerDeviceEvalBatchSize).Required(data.Validation.Tokens); // before anything moves
        if (state is not null) state = Continued(state, checkpoint!, saved.Configuration, total);
        else if (_output.SetAside() is { } aside) reporter.Report(new Warned($"{config.OutputDir} held an earlier run: moved to {aside}."));
        AtomicFile.WriteText(_output.Configuration, saved.Configuration);
        using var metrics = new MetricsLog(_output.Metrics, state?.Step ?? 0);
        var (token, target) = Throughput.Flops(objective.Model, config.Data.Length);
        var speed = new Throughput
        {
            FlopsPerToken = token, FlopsPerTarget = target, PeakFlops = Throughput.Peak(device, config.Precision),
        };
        using var recorder = new RunRecorder(config.OutputDir, RunFacts.Of(objective.Parts[0].Model, config, speed, device));
        _recorder = recorder;

        var trainer = new Trainer(config, new TrainerParts
        {
            Objective = objective,
            Optimizer = optimizer,
            LearningRate = config.Schedule(total),
            Loader = loader,
            Average = saved.Average,
            Throughput = speed,
            Control = _control,
            Evaluator = held is null ? null : new Evaluator(objective, held)
            {
                Precision = config.Precision, Device = device,
                Scorer = () => Scorer.For(objective.Parts[0].Model, tokenizer.Tokenizer, config.Writing),
            },
            Sample = step => Sample(objective, tokenizer, step),
            Save = loop => Save(loop, saved),
            Reload = step => TrainingCheckpoint.LoadWeights(TrainingCheckpoint.Of(_output.Checkpoints, step), saved),
        }, device, happened => Record(happened, metrics, after: state?.Step ?? 0));
        if (state is not null) trainer.Restore(state, checkpoint!);

        var learned = objective.Model.parameters().Where(p => p.requires_grad).Sum(p => p.numel());
        Tell(new Started(trainer.Step, total, learned, (long)perStep * config.Data.Length)
        {
            Device = device.ToString(), TrainTokens = data.Train.Tokens, ValidationTokens = data.Validation?.Tokens ?? 0,
        });
        var result = Guarded(trainer, () =>
        {
            var ended = trainer.Run(stop);
            _output.DrawLoss();
            if (ended.Interrupted) return ended;
            using var averaged = saved.Average?.Applied();
            return ended with { ModelFolder = _output.Export(saved.SaveModel) };
        });
        Tell(new Finished(result));
        return result;
    }

    private static TrainingResult Guarded(Trainer trainer, Func<TrainingResult> run)
    {
        try
        {
            return run();
        }
        catch (Exception e) when (OutOfMemory.Is(e))
        {
            throw OutOfMemory.Explained(e, trainer.Step);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"Step {trainer.Step}: {e.Message.TrimEnd('.')}. " + (trainer.Checkpoint is { } last
                ? $"The last good checkpoint is {last}: make room there, then continue with --resume."
                : "No checkpoint was written yet."), e);
        }
    }

    private LoopState Continued(LoopState state, string checkpoint, string configuration, int total)
    {
        if (TrainingCheckpoint.SetAside(_output.Checkpoints, state.Step) is { } aside)
            reporter.Report(new Warned($"Checkpoints after step {state.Step} were moved to {aside}."));
        var before = TrainingCheckpoint.Configuration(checkpoint).Split('\n');
        var changed = configuration.Split('\n').Except(before).Select(line => line.Trim()).Where(line => line.Length > 0).ToList();
        if (changed.Count > 0)
            reporter.Report(new Warned($"The configuration differs from the checkpoint's: {string.Join(", ", changed)}."));
        if (state.Best.Metric is null || state.Step >= total) return state; // a run at its end has its best or says what is missing
        var other = changed.Any(line => line.Split(':')[0] is "metric_for_best_model" or "greater_is_better");
        var isThere = !config.LoadBestModelAtEnd
            || AtomicFolder.Defect(TrainingCheckpoint.Of(_output.Checkpoints, state.Best.Step)) is null;
        if (!other && isThere) return state;
        reporter.Report(new Warned($"The best model is looked for anew: that of step {state.Best.Step} " +
            (other ? "was the best by another measure." : $"is not in {_output.Checkpoints} any more.")));
        return state with { Best = new(null, 0, 0) };
    }

    private string Save(LoopState loop, CheckpointParts parts)
    {
        var path = TrainingCheckpoint.Save(_output.Checkpoints, loop, parts);
        TrainingCheckpoint.Prune(_output.Checkpoints, config.SaveTotalLimit, config.LoadBestModelAtEnd ? loop.Best.Step : null);
        return path;
    }

    private void Sample(IObjective objective, TrainedTokenizer tokenizer, int step)
    {
        if (Sampler is null || objective.Model is not CausalLanguageModel model) return;
        foreach (var prompt in config.Sample.Prompts)
        {
            using var scope = NewDisposeScope();
            Tell(new Sampled(step, prompt, Sampler(model, tokenizer, prompt)));
        }
        model.train();
    }

    // A finished run that is resumed is evaluated again, but its metrics have that line already.
    private void Record(TrainingEvent happened, MetricsLog metrics, int after)
    {
        if (happened is StepDone { Logged: true } step) metrics.Write(step.Metrics);
        if (happened is Evaluated evaluated && evaluated.Metrics.Step > after)
        {
            metrics.Write(evaluated.Metrics);
            _output.DrawLoss();
        }
        Tell(happened);
    }

    private void Tell(TrainingEvent happened)
    {
        _recorder?.Report(happened);
        reporter.Report(happened);
        foreach (var callback in Callbacks) callback.OnEvent(happened, _control);
    }

    private sealed record Built(PreparedData Data, Recipe Recipe, TrainedTokenizer Tokenizer, IObjective Objective, Optimizer Optimizer,
        CheckpointParts Parts, Device Device);
}
