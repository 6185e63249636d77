using TransformerTorch.Configuration;
using TransformerTorch.Tests.Rules;
using TransformerTorch.Tests.Support;
using TransformerTorch.Training;

namespace TransformerTorch.Tests.Training;

/// <summary>Shipped run files, three steps of each. Truth: the run ends, its losses are finite, and it leaves what it promises.</summary>
public sealed class ShippedConfigTests : IDisposable, ITrainingReporter
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    void ITrainingReporter.Report(TrainingEvent trainingEvent) { }

    [Theory]
    [InlineData("gpt-docs", "chat", "lora")]
    [InlineData("bert-docs", "member-kinds", "entities", "questions")]
    [InlineData("t5-docs", "summaries")]
    [InlineData("bart-docs")]
    [InlineData("electra-docs")]
    public void Shipped_run_trains_and_what_is_fine_tuned_from_it_too(string pretraining, params string[] finetunings)
    {
        var begun = Train($"configs/{pretraining}.yaml", "data.sequence_len=32");
        foreach (var finetuning in finetunings)
        {
            var result = Train($"configs/finetune-{finetuning}.yaml", $"init_from={begun.ModelFolder}");
            var config = Load($"configs/finetune-{finetuning}.yaml", "eval_samples=4", $"output_dir={_folder[finetuning]}");
            var again = new EvaluationRun(config with { EvalSamples = 4 }, _ => { }).Run(result.ModelFolder);
            Assert.True(double.IsFinite(again.Whole.EvalLoss));
        }
    }

    private TrainingResult Train(string path, params string[] overrides)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        var result = new TrainingRun(Load(path,
            [.. overrides, $"output_dir={_folder[name]}", "max_steps=3", "warmup_steps=1", "eval_steps=0",
            "save_steps=0", "logging_steps=1", "per_device_train_batch_size=2", "data.val_set_size=0.0005"]), this).Start();

        Assert.True(double.IsFinite(result.Evaluation!.EvalLoss));
        Assert.All(((string[])["config.yaml", "metrics.jsonl", "loss.svg", "report.html", "run.json", "tensorboard", "model"]),
            left => Assert.True(Path.Exists(Path.Combine(_folder[name], left)), left));
        return result;
    }

    private static RunConfig Load(string path, params string[] overrides)
    {
        var config = Yaml.Load<RunConfig>(Path.Combine(Repository.Root, path), overrides);
        return config.Data is TransformerTorch.Data.JsonlConfig lines
            ? config with
            {
                Data = lines with { Files = [.. lines.Files.Select(f => Path.Combine(Repository.Root, f))], ValSetSize = 0.01 },
            }
            : config;
    }
}
