using TransformerTorch.Models;

namespace TransformerTorch.Checkpoints.Adapters;

/// <summary>A folder with an adapter in PEFT's layout, as a model: the one it was made on, with its updates added in.</summary>
public static class AdapterFolder
{
    /// <summary>Whether a folder holds an adapter.</summary>
    public static bool IsOne(string folder) => File.Exists(Path.Combine(folder, AdapterConfigFile.FileName));

    /// <summary>The folder of the model that an adapter was made on; one of the hub's is downloaded unless it is in the cache.</summary>
    /// <exception cref="CheckpointException">The adapter does not say, or it cannot be had.</exception>
    public static string Base(string folder)
    {
        var named = AdapterConfigFile.Read(folder).Base
            ?? throw new CheckpointException($"{folder}: {AdapterConfigFile.FileName} does not say base_model_name_or_path");
        var beside = Path.Combine(folder, named);
        if (Directory.Exists(beside)) return beside;
        try
        {
            return ModelFolder.Find(named);
        }
        catch (CheckpointException e)
        {
            throw new CheckpointException($"{folder} is an adapter of a model that cannot be had: {e.Message}", e);
        }
    }

    /// <summary>Loads the model and adds the updates into its weights: what comes is a plain model, in evaluation mode.</summary>
    /// <exception cref="CheckpointException">Files are missing or damaged, or do not fit each other.</exception>
    /// <param name="folder">the adapter's</param>
    /// <param name="options">how the model is loaded</param>
    /// <param name="origin">the folder of the model it was made on; null: as the adapter says</param>
    public static PretrainedModel Load(string folder, LoadOptions options, string? origin = null)
    {
        var (model, adapter) = Attach(folder, options, origin);
        adapter.Merge();
        model.eval();
        if (options.Quantize is { } bits) model.Quantize(bits); // not before: the updates would be lost
        return model;
    }

    /// <summary>Loads the model with the updates beside its weights.</summary>
    /// <inheritdoc cref="Load"/>
    public static (PretrainedModel Model, LoraAdapter Adapter) Attach(string folder, LoadOptions options, string? origin = null)
    {
        origin ??= Base(folder);
        var file = AdapterConfigFile.Read(folder);
        // An adapter of ours has the whole model's configuration beside it, which knows its labels.
        var config = File.Exists(Path.Combine(folder, "config.json")) ? PretrainedStart.Configure(folder, null, file.Task)
            : PretrainedStart.Configure(origin, null, file.Task);
        var (model, report) = PretrainedStart.Load(config, origin, options);
        try
        {
            var adapter = LoraAdapter.Load(model, folder);
            var left = report.New.Except(adapter.Wholes).ToList();
            return left.Count == 0 ? (model, adapter) : throw new CheckpointException(
                $"neither {folder} nor {origin} has {string.Join(", ", left)}");
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }
}
