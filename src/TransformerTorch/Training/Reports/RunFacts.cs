using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Reports;

/// <summary>What a run's <c>run.json</c> tells beside its metrics: model, data, machine, times.</summary>
public sealed record RunFacts
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true,
    };

    /// <summary>The file's name.</summary>
    public const string FileName = "run.json";

    /// <summary>When it began.</summary>
    public DateTimeOffset Started { get; init; }

    /// <summary>When it ended; null: it has not.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>Whether it ended before its last step.</summary>
    public bool Interrupted { get; init; }

    /// <summary>Steps in all.</summary>
    public int TotalSteps { get; init; }

    /// <summary>The model's class and family.</summary>
    public string Model { get; init; } = "";

    /// <summary>Parameters in all.</summary>
    public long Parameters { get; init; }

    /// <summary>Those that are trained.</summary>
    public long TrainedParameters { get; init; }

    /// <summary>Sizes of the model, by name.</summary>
    public IReadOnlyDictionary<string, long> Sizes { get; init; } = new Dictionary<string, long>();

    /// <summary>Target tokens of a step.</summary>
    public long TokensPerStep { get; init; }

    /// <summary>Tokens of the training split.</summary>
    public long TrainTokens { get; init; }

    /// <summary>Tokens held out.</summary>
    public long ValidationTokens { get; init; }

    /// <summary>Floating-point operations that the model's arithmetic needs for a token that it reads, backward included.</summary>
    public double FlopsPerToken { get; init; }

    /// <summary>Those for a target.</summary>
    public double FlopsPerTarget { get; init; }

    /// <summary>Floating-point operations a second of a bare matrix product on the machine.</summary>
    public double Peak { get; init; }

    /// <summary>The machine.</summary>
    public IReadOnlyDictionary<string, string> Machine { get; init; } = new Dictionary<string, string>();

    /// <summary>Reads a run's folder; what is not there is empty.</summary>
    public static RunFacts Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        return File.Exists(path) ? JsonSerializer.Deserialize<RunFacts>(File.ReadAllText(path), s_json) ?? new() : new();
    }

    /// <summary>Writes them into a run's folder.</summary>
    public void Write(string folder)
        => AtomicFile.WriteText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, s_json) + "\n");

    /// <summary>What is known of a model and a machine before the first step.</summary>
    /// <param name="model">the model</param>
    /// <param name="config">the run</param>
    /// <param name="speed">what is known of the machine's</param>
    /// <param name="device">where</param>
    public static RunFacts Of(PretrainedModel model, RunConfig config, Throughput speed, Device device)
    {
        var stacks = new[] { model.Config.Encoder, model.Config.Decoder }.OfType<StackOptions>().ToList();
        var blocks = stacks.SelectMany(s => s.Blocks).ToList();
        var sizes = new Dictionary<string, long>
        {
            ["layers"] = blocks.Count, ["width"] = model.Backbone.Width, ["heads"] = blocks.FirstOrDefault()?.Attention.Heads ?? 0,
            ["vocabulary"] = model.Config.VocabularySize, ["positions"] = model.Config.ContextLength,
            ["sequence"] = config.Data.Length,
        };
        if (model.Config.ContextLength == int.MaxValue) sizes.Remove("positions");     // told by distance: any number of them
        return new RunFacts
        {
            Started = DateTimeOffset.UtcNow, Model = $"{model.GetType().Name} ({model.Config.ModelType})",
            Parameters = model.parameters().Sum(p => p.numel()),
            TrainedParameters = model.parameters().Where(p => p.requires_grad).Sum(p => p.numel()),
            Sizes = sizes,
            FlopsPerToken = speed.FlopsPerToken, FlopsPerTarget = speed.FlopsPerTarget, Peak = speed.PeakFlops,
            Machine = MachineOf(config.Precision, device),
        };
    }

    private static Dictionary<string, string> MachineOf(Precision precision, Device device) => new()
    {
        ["device"] = device.type == TorchSharp.DeviceType.CPU ? Processor() : $"{device}",
        ["threads"] = $"{get_num_threads()} of {Environment.ProcessorCount} processors",
        ["memory"] = $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:0} GB",
        ["precision"] = $"{precision}".ToLowerInvariant(),
        ["kernels"] = NativeBridge.IsAvailable ? "TransformerTorch's own" : "TorchSharp's alone",
        ["system"] = $"{RuntimeInformation.OSDescription}, .NET {Environment.Version}",
    };

    private static string Processor()
    {
        const string info = "/proc/cpuinfo", key = "model name";
        var line = File.Exists(info) ? File.ReadLines(info).FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal)) : null;
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':') + 1)..].Trim();
    }
}
