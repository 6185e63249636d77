using TorchSharp;
using TransformerTorch.Checkpoints;
using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training;
using TransformerTorch.Training.Optimization;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Training;

[Collection(nameof(Alone))]
public sealed class TrainingRunTests : IDisposable
{
    private readonly TinyRun _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public void A_run_leaves_what_the_command_line_promises_and_the_model_loads()
    {
        _run.Config = _run.Config with { EvalSteps = 4 };

        var result = _run.Start();

        var names = Directory.GetFileSystemEntries(_run.Config.OutputDir).Select(Path.GetFileName).Order();
        Assert.Equal(["checkpoints", "config.yaml", "loss.svg", "metrics.jsonl", "model", "report.html", "run.json", "tensorboard"], names);
        Assert.Equal([4, 8, 12], _run.Metrics().Where(m => m.ContainsKey("eval_loss")).Select(m => m["step"]!.GetValue<int>()));
        using var model = ModelFolder.Load<CausalLanguageModel>(result.ModelFolder!);
        Assert.Equal(300, model.Config.VocabularySize);
        Assert.Equal(300, TrainedTokenizer.Open(result.ModelFolder!).Tokenizer.VocabularySize);
        using var checkpoint = ModelFolder.Load<CausalLanguageModel>(result.Checkpoint!);     // a checkpoint is a model folder as well
    }

    [Fact]
    public void It_learns_a_text_by_heart()
    {
        _run.Config = _run.Config with
        {
            MaxSteps = 150, PerDeviceTrainBatchSize = 16, LearningRate = 1e-2, WarmupSteps = 10, LrSchedulerType = LrSchedulerType.Cosine,
        };

        var result = _run.Start();

        var losses = _run.Metrics().Where(m => m.ContainsKey("loss")).Select(m => m["loss"]!.GetValue<double>()).ToList();
        Assert.InRange(losses[0], 5.4, 6.0);     // ln 300 = 5.70: at first every token is as likely
        Assert.True(losses[^1] < 1.6, $"loss {losses[^1]} after {losses.Count} steps");
        Assert.True(result.Evaluation!.EvalLoss < 1.6, $"validation loss {result.Evaluation.EvalLoss}");
    }

    [Fact]
    public void Accumulated_micro_batches_make_the_same_step_as_one_batch()
    {
        _run.Config = _run.Config with { PerDeviceTrainBatchSize = 8, MaxSteps = 6 };
        foreach (var key in (string[])["resid_pdrop", "embd_pdrop", "attn_pdrop"]) _run.Config.Model[key] = 0;
        _run.Start();
        var whole = _run.Metrics();

        _run.Config = _run.Config with { PerDeviceTrainBatchSize = 2, GradientAccumulationSteps = 4 };
        _run.Start();

        foreach (var (a, b) in whole.Zip(_run.Metrics()).Where(p => p.First.ContainsKey("loss")))
        {
            Assert.Equal(a["loss"]!.GetValue<double>(), b["loss"]!.GetValue<double>(), 1e-4);
            Assert.Equal(a["grad_norm"]!.GetValue<double>(), b["grad_norm"]!.GetValue<double>(), 1e-3);
        }
    }

    [Fact]
    public void A_uniform_model_needs_the_logarithm_of_its_vocabulary_for_each_token()
    {
        using var data = Prepare();
        var tokens = data.Validation!.Parts.Single().File;
        using var model = new CausalLanguageModel(ModelConfig.FromKeys(Keys(), "test"));
        using (no_grad())
            foreach (var parameter in model.parameters()) parameter.zero_();
        var held = new EvaluationData(new Windows(tokens, new(32) { Overlap = 1 }), new NextTokenCollator(), rows: 5);

        var result = new Evaluator(new ModelObjective(model), held).Run(step: 7);

        var bytes = tokens.Ids.BytesUpTo(held.Count * 32 + 1) - tokens.Ids.BytesUpTo(1);
        Assert.Equal(Math.Log(300), result.EvalLoss, 1e-5);
        Assert.Equal(300, result.EvalPerplexity!.Value, 1e-2);
        Assert.Equal(held.Count * 32 * Math.Log2(300) / bytes, result.EvalBitsPerByte!.Value, 1e-5);
    }

    [Fact]
    public void Prepared_data_are_found_again_and_made_anew_when_the_text_changes()
    {
        var (first, second, third) = (new List<string>(), new List<string>(), new List<string>());
        var text = ((TextConfig)_run.Config.Data).Files[0];

        Prepare(first).Dispose();
        Prepare(second).Dispose();
        File.AppendAllText(text, "More.\n");
        Prepare(third).Dispose();

        Assert.NotEmpty(first);
        Assert.Empty(second);
        Assert.NotEmpty(third);
    }

    private PreparedData Prepare(List<string>? done = null)
    {
        var preparation = new DataPreparation(_run.Config.Data, (what, _, _) => done?.Add(what));
        var tokenizer = preparation.Tokenizer(_run.Config.Tokenizer!);
        return preparation.Prepare(_run.Config.Objective.Prepare(new(_run.Config.Data, tokenizer, preparation.Values)).Recipe);
    }

    [Fact]
    public void Tokens_of_the_run_file_are_added_to_the_tokenizer_and_the_model_that_it_begins_from_grows_by_them()
    {
        var begun = _run.Start();
        _run.Config = _run.Config with
        {
            InitFrom = begun.ModelFolder, Model = [], Tokenizer = new() { Tokens = ["<|note|>", " follows "], EosToken = "<|note|>" },
            OutputDir = _run.Config.OutputDir + "-grown",
            Data = _run.Config.Data with { DatasetPreparedPath = _run.Config.OutputDir + "-kept" },
        };

        var grown = _run.Start();

        var tokenizer = TrainedTokenizer.Open(grown.ModelFolder!).Tokenizer;
        Assert.Equal((300, 301), (tokenizer.TokenToId("<|note|>"), tokenizer.TokenToId(" follows ")));
        Assert.Equal([300, 301, 300], tokenizer.Encode("<|note|> follows <|note|>", addSpecialTokens: false).Ids);
        using var model = ModelFolder.Load<CausalLanguageModel>(grown.ModelFolder!);
        Assert.Equal([302L, 32], model.Backbone.TokenWeight.shape);
        Assert.Equal(300, TrainedTokenizer.Open(grown.ModelFolder!).EndMark);
        Assert.Equal([300], model.Config.EndTokens);
        Assert.Contains(_run.Events.OfType<Warned>(), w => w.Message.Contains("2 new tokens", StringComparison.Ordinal));
    }

    [Fact]
    public void Evaluation_of_weights_in_few_bits_is_near_that_of_the_weights_themselves_and_not_the_same()
    {
        _run.Config = _run.Config with { MaxSteps = 100, LearningRate = 1e-2, SaveSteps = 0 };
        var whole = _run.Start().Evaluation!.EvalLoss;

        double Loss(Quantization bits)
        {
            var (again, quantized) = new EvaluationRun(_run.Config, _ => { }) { Quantize = bits }.Run();
            Assert.Equal(whole, again.EvalLoss, 1e-6 * whole);
            return quantized!.EvalLoss;
        }
        var (bits8, bits4) = (Loss(Quantization.Bits8), Loss(Quantization.Bits4));

        // Which of the two is nearer is chance: errors of so many weights cancel in a loss.
        Assert.Equal(3, new[] { whole, bits8, bits4 }.Distinct().Count());
        Assert.InRange(bits8 / whole, 0.99, 1.01);
        Assert.InRange(bits4 / whole, 0.9, 1.1);
    }

    [Fact]
    public void Every_step_leaves_as_many_live_tensors_as_the_one_before()
    {
        _run.Config = _run.Config with { MaxSteps = 60, SaveSteps = 0 };
        var live = new List<long>();
        _run.Also = happened =>
        {
            if (happened is StepDone) live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        };

        _run.Start();

        Assert.Equal(60, live.Count);
        Assert.Single(live.Skip(1).Distinct()); // the first makes the optimizer's state
    }

    [Fact]
    public void A_vocabulary_smaller_than_the_tokenizers_and_windows_longer_than_the_model_are_refused()
    {
        _run.Config.Model["vocab_size"] = 100;
        Assert.Contains("300 tokens", Assert.Throws<ModelConfigException>(() => _run.Start()).Message, StringComparison.Ordinal);
        _run.Config.Model.Remove("vocab_size");
        _run.Config = _run.Config with { Data = _run.Config.Data with { SequenceLen = 65 } };
        Assert.Contains("64 positions", Assert.Throws<ModelConfigException>(() => _run.Start()).Message, StringComparison.Ordinal);
    }

    private System.Text.Json.Nodes.JsonObject Keys()
    {
        var keys = (System.Text.Json.Nodes.JsonObject)_run.Config.Model.DeepClone();
        keys["vocab_size"] = 300;
        return keys;
    }
}
