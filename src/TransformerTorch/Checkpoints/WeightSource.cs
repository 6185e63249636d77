using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>The weights in a model's folder: one file, or shards with an index; safetensors, or what <c>torch.save</c> wrote.</summary>
public sealed class WeightSource : IDisposable
{
    // The first that is there is taken, as the reference does.
    private static readonly string[] s_singles = [WeightFiles.Single, "pytorch_model.bin"];
    private readonly Dictionary<string, TensorFile> _files = [];
    private readonly Dictionary<string, TensorFile> _tensors = [];

    private WeightSource() { }

    /// <summary>The names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>The files, in the order in which their tensors are best read.</summary>
    public IReadOnlyCollection<TensorFile> Files => _files.Values;

    /// <summary>The floating-point type that most of the numbers have.</summary>
    /// <exception cref="CheckpointException">libtorch lacks it, or there are no such numbers.</exception>
    public ScalarType CommonType
    {
        get
        {
            var types = _files.Values.SelectMany(f => f.Tensors.Values).Where(t => t.Type.IsFloating).GroupBy(t => t.Type);
            return types.MaxBy(g => g.Sum(t => t.Count))?.First().ScalarType
                ?? throw new CheckpointException($"{string.Join(", ", _files.Keys)}: no floating-point tensors");
        }
    }

    /// <summary>Whether a folder holds weights.</summary>
    public static bool IsIn(string folder)
        => s_singles.Any(single => File.Exists(Path.Combine(folder, single)) || File.Exists(Path.Combine(folder, IndexOf(single))));

    /// <summary>
    /// Opens <c>model.safetensors</c>, else what <c>model.safetensors.index.json</c> lists, else the same of <c>pytorch_model.bin</c>.
    /// </summary>
    /// <exception cref="CheckpointException">None is there, or one of them is damaged.</exception>
    public static WeightSource Open(string folder)
    {
        var source = new WeightSource();
        try
        {
            foreach (var single in s_singles)
            {
                if (File.Exists(Path.Combine(folder, single))) source.Add(folder, single);
                else if (File.Exists(Path.Combine(folder, IndexOf(single)))) source.AddShards(folder, IndexOf(single));
                else continue;
                return source;
            }
            var known = s_singles.SelectMany(single => (string[])[single, IndexOf(single)]);
            throw new CheckpointException($"{folder}: no weights: none of {string.Join(", ", known)}");
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Which file a tensor is in.</summary>
    public TensorFile FileOf(string name) => _tensors[name];

    /// <summary>Where and of what shape a tensor is.</summary>
    public TensorEntry Entry(string name) => _tensors[name].Tensors[name];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _files.Values) file.Dispose();
    }

    private static string IndexOf(string single) => single + ".index.json";

    private void Add(string folder, string name)
    {
        var file = TensorFile.Open(Path.Combine(folder, name));
        _files.Add(name, file);
        foreach (var tensor in file.Tensors.Keys)
            if (!_tensors.TryAdd(tensor, file)) throw new CheckpointException($"{folder}: tensor {tensor} is in two files");
    }

    private void AddShards(string folder, string index)
    {
        var path = Path.Combine(folder, index);
        var listed = Listed(path);
        foreach (var name in listed.Values.Distinct())
        {
            if (name != Path.GetFileName(name) || name is "" or "." or ".." || name.Contains('\\'))
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
            var root = JsonNode.Parse(File.ReadAllText(path), documentOptions: new() { AllowDuplicateProperties = false });
            var map = (root as JsonObject)?["weight_map"] as JsonObject ?? throw new CheckpointException($"{path}: no weight_map");
            return map.ToDictionary(p => p.Key, p => p.Value!.GetValue<string>());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
        {
            throw new CheckpointException($"{path}: damaged: {e.Message}", e);
        }
    }
}
