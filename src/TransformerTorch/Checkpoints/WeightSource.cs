using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>The weights in a model's folder: one file, or shards with an index.</summary>
public sealed class WeightSource : IDisposable
{
    private const string Single = "model.safetensors", Index = "model.safetensors.index.json";
    private readonly Dictionary<string, SafeTensorsFile> _files = [];
    private readonly Dictionary<string, SafeTensorsFile> _tensors = [];

    private WeightSource() { }

    /// <summary>The names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>Opens <c>model.safetensors</c> or what <c>model.safetensors.index.json</c> lists.</summary>
    /// <exception cref="CheckpointException">Neither is there, or one of them is damaged.</exception>
    public static WeightSource Open(string folder)
    {
        var source = new WeightSource();
        try
        {
            if (File.Exists(Path.Combine(folder, Single))) source.Add(folder, Single);
            else if (File.Exists(Path.Combine(folder, Index))) source.AddShards(folder);
            else throw new CheckpointException($"{folder}: neither {Single} nor {Index}");
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Where and of what shape a tensor is.</summary>
    public TensorEntry Entry(string name) => _tensors[name].Tensors[name];

    /// <summary>A tensor of its own on the CPU, in the file's type.</summary>
    public Tensor Read(string name) => _tensors[name].Read(name);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _files.Values) file.Dispose();
    }

    private SafeTensorsFile Add(string folder, string name)
    {
        var file = SafeTensorsFile.Open(Path.Combine(folder, name));
        _files.Add(name, file);
        foreach (var tensor in file.Tensors.Keys)
            if (!_tensors.TryAdd(tensor, file)) throw new CheckpointException($"{folder}: tensor {tensor} is in two files");
        return file;
    }

    private void AddShards(string folder)
    {
        var path = Path.Combine(folder, Index);
        var listed = Listed(path);
        foreach (var name in listed.Values.Distinct())
        {
            if (name != Path.GetFileName(name) || name is "" or "." or "..")
                throw new CheckpointException($"{path}: '{name}' is no file of this folder");
            if (!File.Exists(Path.Combine(folder, name))) throw new CheckpointException($"{path}: the shard {name} is missing");
            Add(folder, name);
        }
        foreach (var (tensor, name) in listed)
            if (!_files[name].Tensors.ContainsKey(tensor)) throw new CheckpointException($"{path}: {name} has no tensor {tensor}");
    }

    private static Dictionary<string, string> Listed(string path)
    {
        try
        {
            var map = JsonNode.Parse(File.ReadAllText(path))?["weight_map"] as JsonObject
                ?? throw new CheckpointException($"{path}: no weight_map");
            return map.ToDictionary(p => p.Key, p => p.Value!.GetValue<string>());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
        {
            throw new CheckpointException($"{path}: damaged: {e.Message}", e);
        }
    }
}
