using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints.Adapters;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>How weights are converted.</summary>
public sealed record ConversionOptions
{
    /// <summary>The type of floating-point tensors; null keeps each one's. Others keep theirs.</summary>
    public ScalarType? Type { get; init; }

    /// <summary>The most bytes of a weights file; more come in shards.</summary>
    public long MostShardBytes { get; init; } = WeightFiles.UsualShardBytes;
}

/// <summary>
/// Writes a published model's weights as safetensors, whatever they were, tensor by tensor: names, shapes and everything else in its
/// folder stay. No family needs to be known, and no more than one tensor is in memory.
/// </summary>
public static class WeightConversion
{
    // What a model's folder holds beside weights: configurations, tokenizers, chat templates, and what is told of it.
    private static readonly string[] s_kept = [".json", ".txt", ".model", ".jinja", ".md", ".yaml"];

    /// <summary>Converts a model's folder into another one.</summary>
    /// <param name="from">the published model, or an adapter in PEFT's layout, which is merged into its model</param>
    /// <param name="to">a folder; made if it is not there</param>
    /// <param name="options">type, size of shards</param>
    /// <param name="written">told of each tensor before it is written</param>
    /// <returns>how many tensors there are</returns>
    /// <exception cref="CheckpointException">The weights are damaged, or a value does not fit the type.</exception>
    /// <exception cref="IOException">The disk is full or cannot be written.</exception>
    public static int Run(string from, string to, ConversionOptions options, Action<TensorToWrite>? written = null)
    {
        if (Path.GetFullPath(from).TrimEnd('/') == Path.GetFullPath(to).TrimEnd('/'))
            throw new CheckpointException($"{to}: the result needs a folder of its own");
        if (AdapterFolder.IsOne(from)) return Merge(from, to, options, written);
        using var source = WeightSource.Open(from);
        var names = source.Names.Order(StringComparer.Ordinal);
        List<TensorToWrite> tensors = [.. names.Select(name => Converted(source, name, options.Type, written))];
        WeightFiles.Write(to, tensors, options.MostShardBytes);
        foreach (var file in Kept(from)) Keep(file, Path.Combine(to, Path.GetFileName(file)), options.Type);
        return tensors.Count;
    }

    /// <summary>An adapter becomes the model it was made on with its updates added in.</summary>
    private static int Merge(string from, string to, ConversionOptions options, Action<TensorToWrite>? written)
    {
        using var model = AdapterFolder.Load(from, new LoadOptions { Type = options.Type });
        ModelFolder.SaveConfiguration(model, to);
        List<TensorToWrite> tensors = [.. WeightLoader.Published(model, model.Names).Select(t => TensorToWrite.Of(t.Name, t.Tensor))];
        foreach (var tensor in tensors) written?.Invoke(tensor);
        WeightFiles.Write(to, tensors, options.MostShardBytes);
        foreach (var file in Kept(ModelFolder.TokenizerFolder(from)))
            if (Path.GetFileName(file) is var name and not ("config.json" or GenerationKeys.FileName or AdapterConfigFile.FileName))
                File.Copy(file, Path.Combine(to, name), overwrite: true);
        return tensors.Count;
    }

    private static IEnumerable<string> Kept(string folder) => Directory.GetFiles(folder)
        .Where(f => s_kept.Contains(Path.GetExtension(f)) && !f.EndsWith(".index.json", StringComparison.Ordinal));

    private static TensorToWrite Converted(WeightSource source, string name, ScalarType? wanted, Action<TensorToWrite>? written)
    {
        var entry = source.Entry(name);
        var type = entry.Type.IsFloating && wanted is { } w ? ElementType.Of(w) : entry.Type;
        _ = entry.ScalarType; // before anything is written
        TensorToWrite? result = null;
        return result = new TensorToWrite(name, type, entry.Shape, () =>
        {
            written?.Invoke(result!);
            var value = source.FileOf(name).Read(name);
            if (type == entry.Type) return value;
            var converted = value.to(type.Scalar!.Value);
            if (converted.isfinite().all().item<bool>() || !value.to(ScalarType.Float32).isfinite().all().item<bool>()) return converted;
            throw new CheckpointException($"tensor {name} holds values that are too large for {type}: bf16 has float32's range");
        });
    }

    private static void Keep(string from, string to, ScalarType? type)
    {
        if (type is { } told && Path.GetFileName(from) == "config.json" && JsonNode.Parse(File.ReadAllText(from)) is JsonObject config)
        {
            PublishedType.Set(config, told);
            AtomicFile.WriteText(to, config.ToJsonString(ModelFolder.Indented) + "\n");
        }
        else File.Copy(from, to, overwrite: true);
    }
}
