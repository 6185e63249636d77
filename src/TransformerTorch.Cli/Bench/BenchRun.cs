using System.Diagnostics;
using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Cli.Bench;

/// <summary>How a workload is run.</summary>
/// <param name="Dtype">fp32 or bf16; int8 or int4, which are weights of inference alone.</param>
/// <param name="Device">Where.</param>
/// <param name="Repetitions">Timed ones, after those that are not.</param>
internal sealed record BenchRun(string Dtype, Device Device, int Repetitions)
{
    /// <summary>Repetitions that are not timed.</summary>
    public int Unmeasured { get; init; } = 2;

    /// <summary>Sequences at once, or requests; null: as the workload is defined.</summary>
    public int? Batch { get; init; }

    /// <summary>Tokens of a sequence; null: as the workload is defined.</summary>
    public int? Length { get; init; }

    /// <summary>Ends the run before its next repetition.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>What matrix products compute in.</summary>
    public Precision Precision => Dtype == "bf16" ? Precision.Bf16 : Precision.Fp32;

    /// <summary>What weights are stored in; null: as they are.</summary>
    public Quantization? Quantization => Dtype.StartsWith("int", StringComparison.Ordinal) ? Quantization.Parse(Dtype) : null;

    /// <summary>Seconds of the fastest repetition.</summary>
    public double Best(Action action)
    {
        for (var i = 0; i < Unmeasured && !Stop.IsCancellationRequested; i++) action();
        Synchronize();
        var best = double.PositiveInfinity;
        for (var i = 0; i < Repetitions; i++)
        {
            Stop.ThrowIfCancellationRequested();
            var clock = Stopwatch.StartNew();
            action();
            Synchronize();
            best = Math.Min(best, clock.Elapsed.TotalSeconds);
        }
        return best;
    }

    /// <summary>Seconds of each thing's fastest repetition; they take turns, so that the machine's moods fall on all alike.</summary>
    public double[] BestOfEach(Action before, params Action[] actions)
    {
        var once = this with { Repetitions = 1, Unmeasured = 0 };
        var best = Array.ConvertAll(actions, _ => double.PositiveInfinity);
        for (var i = 0; i < Unmeasured + Repetitions; i++)
        {
            before();
            var seconds = Array.ConvertAll(actions, once.Best);
            if (i >= Unmeasured) best = [.. best.Zip(seconds, Math.Min)];
        }
        return best;
    }

    private void Synchronize()
    {
        if (Device.type == DeviceType.CUDA) cuda.synchronize(Device);
    }
}

/// <summary>One figure, and the facts around it.</summary>
internal sealed record BenchResult(string Workload, BenchRun Run, double Value, string Unit)
{
    /// <summary>What else is known, by name.</summary>
    public JsonObject Facts { get; init; } = [];

    /// <summary>How many times as long one thing took as another.</summary>
    public static BenchResult Ratio(string workload, BenchRun run, double seconds, double against)
        => new(workload, run, seconds / against, "times")
        {
            Facts = new JsonObject { ["seconds"] = seconds, ["against_seconds"] = against },
        };

    public string ToJson()
    {
        var line = new JsonObject
        {
            ["workload"] = Workload, ["dtype"] = Run.Dtype, ["device"] = Run.Device.ToString(), ["unit"] = Unit, ["value"] = Value,
        };
        if (Run.Batch is { } batch) line["batch"] = batch;
        if (Run.Length is { } length) line["length"] = length;
        foreach (var (name, value) in Facts) line[name] = value?.DeepClone();
        return line.ToJsonString();
    }

    public string ToText() => $"{Workload,-32} {Run.Dtype,-5} {BenchCommand.Short(Value),8} {Unit}"
        + (Facts["share_of_roof"] is { } share ? $", {100 * (double)share:0}% of the roof" : "");
}
