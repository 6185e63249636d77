using System.Text.Json;
using TransformerTorch.Checkpoints;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Optimization;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>Where the loop stands, beside weights and optimizer.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="TokensSeen">Target tokens trained on.</param>
/// <param name="Loader">Where the data stand.</param>
/// <param name="Random">The random state of each device, by its name.</param>
public sealed record LoopState(int Step, long TokensSeen, LoaderState Loader, IReadOnlyDictionary<string, byte[]> Random)
{
    /// <summary>The form of the file; another one is refused.</summary>
    public int Format { get; init; } = Known;

    /// <summary>Steps that the optimizer took: without those that were skipped.</summary>
    public required int OptimizerSteps { get; init; }

    /// <summary>The loss's scale in float16.</summary>
    public ScalerState? Scaler { get; init; }

    /// <summary>Steps skipped, and the usual gradient.</summary>
    public required GuardState Guard { get; init; }

    /// <summary>The best evaluation, and how long ago that was.</summary>
    public required BestState Best { get; init; }

    /// <summary>Rows of one pass at most, as <c>auto_find_batch_size</c> found them; 0: those of a batch.</summary>
    public int Rows { get; init; }

    internal const int Known = 3;
}

/// <summary>
/// A point from which training goes on bit for bit: <c>step-N/</c> with the model in its published layout (so that it also serves as a
/// model folder), the optimizer's state, the loop's state and the run's configuration.
/// </summary>
public static class TrainingCheckpoint
{
    private const string Optimizer = "optimizer.safetensors", Average = "average.safetensors",
        Loop = "loop.json", Run = "run.yaml", Prefix = "step-";
    private static readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true,
    };

    /// <summary>Writes <c>step-N</c> beneath <paramref name="folder"/>, where it is not yet.</summary>
    /// <param name="folder">The run's checkpoints.</param>
    /// <param name="loop">The loop's state.</param>
    /// <param name="parts">What is saved with it.</param>
    /// <returns>The checkpoint's folder.</returns>
    /// <exception cref="IOException">The disk is full or cannot be written; earlier checkpoints are untouched.</exception>
    public static string Save(string folder, LoopState loop, CheckpointParts parts)
    {
        var path = Of(folder, loop.Step);
        AtomicFolder.Write(path, unfinished =>
        {
            parts.SaveModel(unfinished);
            SafeTensorsWriter.Write(Path.Combine(unfinished, Optimizer), parts.Optimizer.State);
            if (parts.Average is { } average) SafeTensorsWriter.Write(Path.Combine(unfinished, Average), average.State);
            File.WriteAllText(Path.Combine(unfinished, Loop), JsonSerializer.Serialize(loop, _json));
            File.WriteAllText(Path.Combine(unfinished, Run), parts.Configuration);
        });
        return path;
    }

    /// <summary>Checks a checkpoint and loads it.</summary>
    /// <exception cref="CheckpointException">It is damaged, or not one of this model; nothing was loaded then.</exception>
    public static LoopState Load(string path, CheckpointParts parts)
    {
        if (AtomicFolder.Defect(path) is { } defect) throw new CheckpointException($"{path}: {defect}");
        var loop = JsonSerializer.Deserialize<LoopState>(File.ReadAllText(Path.Combine(path, Loop)), _json);
        if (loop is not { Format: LoopState.Known })
            throw new CheckpointException($"{path}: {Loop} has format {loop?.Format}; this version reads {LoopState.Known}");
        LoadWeights(path, parts);
        using (var state = TensorFile.Open(Path.Combine(path, Optimizer))) parts.Optimizer.Load(state, loop.OptimizerSteps);
        return loop;
    }

    /// <summary>Loads the weights and their average alone.</summary>
    public static void LoadWeights(string path, CheckpointParts parts)
    {
        parts.LoadModel(path);
        if (parts.Average is not { } average) return;
        if (!File.Exists(Path.Combine(path, Average)))
            throw new CheckpointException($"{path} holds no average of the weights: it was written without ema_decay");
        using var saved = TensorFile.Open(Path.Combine(path, Average));
        average.Load(saved);
    }

    /// <summary>The checkpoint of a step beneath a folder, whether it is there or not.</summary>
    public static string Of(string folder, int step) => Path.Combine(folder, Prefix + step);

    /// <summary>The configuration of the run that wrote it.</summary>
    public static string Configuration(string path) => File.ReadAllText(Path.Combine(path, Run));

    /// <summary>The checkpoints beneath a folder, newest first, whole or not.</summary>
    public static IReadOnlyList<string> All(string folder) => !Directory.Exists(folder) ? [] :
        [.. Directory.GetDirectories(folder, Prefix + "*").Select(path => (path, step: StepOf(path))).Where(c => c.step >= 0)
            .OrderByDescending(c => c.step).Select(c => c.path)];

    /// <summary>The newest checkpoint that is whole, and what is wrong with the newer ones.</summary>
    public static (string? Path, IReadOnlyList<string> Defects) Newest(string folder)
    {
        var defects = new List<string>();
        foreach (var path in All(folder))
        {
            if (AtomicFolder.Defect(path) is not { } defect) return (path, defects);
            defects.Add($"{path}: {defect}");
        }
        return (null, defects);
    }

    /// <summary>Removes all but the newest <paramref name="keep"/> and that of step <paramref name="best"/>; damaged ones do not
    /// count, so the last good one stays. 0 keeps all.</summary>
    public static void Prune(string folder, int keep, int? best = null)
    {
        if (keep == 0) return;
        var whole = All(folder).Where(path => AtomicFolder.Defect(path) is null).ToList();
        foreach (var path in whole.Skip(keep).Where(path => StepOf(path) != best)) AtomicFolder.Delete(path);
    }

    /// <summary>Moves checkpoints after <paramref name="step"/> out of the way of a run that goes on from there.</summary>
    /// <returns>Where they are now; null where there were none.</returns>
    public static string? SetAside(string folder, int step)
    {
        var later = All(folder).Where(path => StepOf(path) > step).ToList();
        if (later.Count == 0) return null;
        var aside = Enumerable.Range(1, int.MaxValue).Select(n => Path.Combine(folder, $"set-aside-{n}"))
            .First(path => !Directory.Exists(path));
        Directory.CreateDirectory(aside);
        foreach (var path in later) Directory.Move(path, Path.Combine(aside, Path.GetFileName(path)));
        return aside;
    }

    private static int StepOf(string path) => int.TryParse(Path.GetFileName(path)[Prefix.Length..], out var step) ? step : -1;
}

/// <summary>What a checkpoint holds beside the loop's state.</summary>
/// <param name="Optimizer">Its state is saved and loaded.</param>
/// <param name="Configuration">The run's, as YAML.</param>
public sealed record CheckpointParts(Optimizer Optimizer, string Configuration)
{
    /// <summary>An average of the weights, saved and loaded with them.</summary>
    public WeightAverage? Average { get; init; }

    /// <summary>Writes the model into a folder.</summary>
    public required Action<string> SaveModel { get; init; }

    /// <summary>Loads the model from a folder.</summary>
    public required Action<string> LoadModel { get; init; }
}
