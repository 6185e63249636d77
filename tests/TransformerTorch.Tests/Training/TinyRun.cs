using System.Security.Cryptography;
using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Checkpoints;
using TransformerTorch.Data;
using TransformerTorch.Data.Sources;
using TransformerTorch.Training;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Training;

/// <summary>A run that takes a second: a model of two narrow layers on a few hundred lines.</summary>
internal sealed class TinyRun : ITrainingReporter, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly int _threads = torch.get_num_threads();

    public TinyRun()
    {
        torch.set_num_threads(1);     // so small a model is slower on several
        var text = _folder.Write("text.txt",
            string.Concat(Enumerable.Range(0, 400).Select(i => $"Line {i} says that {i * 7 % 100} follows {i * 3 % 50}.\n")));
        Config = new()
        {
            OutputDir = _folder["run"],
            Model = new JsonObject
            {
                ["model_type"] = "gpt2", ["n_layer"] = 2, ["n_head"] = 2, ["n_embd"] = 32, ["n_positions"] = 64,
                ["resid_pdrop"] = 0.1, ["embd_pdrop"] = 0.1, ["attn_pdrop"] = 0.1,
            },
            Tokenizer = new() { Train = new() { VocabSize = 300 } },
            Data = new TextConfig
            {
                Files = [text], Documents = DocumentUnit.Line, SequenceLen = 32, ValSetSize = 0.1, DatasetPreparedPath = _folder["cache"],
            },
            Device = "cpu", MaxSteps = 12, PerDeviceTrainBatchSize = 4, LearningRate = 1e-3, LoggingSteps = 1, EvalSteps = 0, SaveSteps = 4,
            SaveTotalLimit = 0,
        };
    }

    public RunConfig Config { get; set; }

    public List<TrainingEvent> Events { get; } = [];

    public Action<TrainingEvent> Also { get; set; } = _ => { };

    public string Checkpoint(int step) => Path.Combine(Config.OutputDir, "checkpoints", $"step-{step}");

    public TrainingResult Start(CancellationToken stop = default) => new TrainingRun(Config, this).Start(stop);

    public TrainingResult Resume(string? checkpoint = null, CancellationToken stop = default) =>
        new TrainingRun(Config, this).Resume(checkpoint, stop);

    /// <summary>Trains until the step is done, as Ctrl-C would end it.</summary>
    public TrainingResult StartUntil(int step)
    {
        using var stop = new CancellationTokenSource();
        Also = e => { if (e is StepDone done && done.Metrics.Step == step) stop.Cancel(); };
        try { return Start(stop.Token); }
        finally { Also = _ => { }; }
    }

    public List<JsonObject> Metrics() =>
        [.. File.ReadAllLines(Path.Combine(Config.OutputDir, "metrics.jsonl")).Select(line => (JsonObject)JsonNode.Parse(line)!)];

    /// <summary>All values of a checkpoint's tensors, optimizer's included, as one hash.</summary>
    public string Hash(int step) => string.Concat(((string[])["model", "optimizer", "average", "loop"])
        .SelectMany(part => Directory.GetFiles(Checkpoint(step), $"{part}.*"))
        .Select(file => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))));

    public void Report(TrainingEvent trainingEvent)
    {
        Events.Add(trainingEvent);
        Also(trainingEvent);
    }

    public void Dispose()
    {
        torch.set_num_threads(_threads);
        _folder.Dispose();
    }
}
