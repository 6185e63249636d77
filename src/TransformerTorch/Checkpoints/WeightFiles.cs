using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace TransformerTorch.Checkpoints;

/// <summary>
/// Writes a model's weights in the published layout: <c>model.safetensors</c>, or shards of bounded size with an index. What an earlier
/// model left in the folder under these names goes, last, so that the folder always holds one whole model.
/// </summary>
public static partial class WeightFiles
{
    /// <summary>The size over which published weights come in shards: 5 GB, as the reference has it.</summary>
    public const long UsualShardBytes = 5_000_000_000;

    internal const string Single = "model.safetensors", Index = "model.safetensors.index.json";

    /// <summary>Writes tensors into a folder.</summary>
    /// <param name="folder">the model's folder</param>
    /// <param name="tensors">in the order in which they are to stand in the files</param>
    /// <param name="mostBytes">of a shard; a tensor over it gets a shard of its own</param>
    /// <exception cref="IOException">The disk is full or cannot be written; the index still names the files of before.</exception>
    public static void Write(string folder, IReadOnlyList<TensorToWrite> tensors, long mostBytes = UsualShardBytes)
    {
        Directory.CreateDirectory(folder);
        var before = Directory.GetFiles(folder, "model*.safetensors*").Select(Path.GetFileName).Where(IsOurs).ToList();
        var shards = Shards(tensors, mostBytes);
        List<string> names = shards.Count == 1 ? [Single]
            : [.. shards.Select((_, i) => $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors")];
        foreach (var (name, shard) in names.Zip(shards)) SafeTensorsWriter.Write(Path.Combine(folder, name), shard);
        if (shards.Count > 1)
        {
            AtomicFile.WriteText(Path.Combine(folder, Index), IndexOf(names, shards).ToJsonString(ModelFolder.Indented) + "\n");
            names.Add(Index);
        }
        foreach (var old in before.Except(names)) File.Delete(Path.Combine(folder, old!));
    }

    private static List<List<TensorToWrite>> Shards(IReadOnlyList<TensorToWrite> tensors, long mostBytes)
    {
        var (shards, bytes) = (new List<List<TensorToWrite>> { new() }, 0L);
        foreach (var tensor in tensors)
        {
            if (shards[^1].Count > 0 && bytes + tensor.Bytes > mostBytes)
            {
                shards.Add([]);
                bytes = 0;
            }
            shards[^1].Add(tensor);
            bytes += tensor.Bytes;
        }
        return shards;
    }

    private static JsonObject IndexOf(List<string> names, List<List<TensorToWrite>> shards)
    {
        var files = names.Zip(shards, (name, shard) => shard.Select(t => (Tensor: t.Name, File: name))).SelectMany(p => p);
        return new JsonObject
        {
            ["metadata"] = new JsonObject { ["total_size"] = shards.Sum(s => s.Sum(t => t.Bytes)) },
            ["weight_map"] = new JsonObject(files.Select(p => KeyValuePair.Create(p.Tensor, (JsonNode?)p.File))),
        };
    }

    private static bool IsOurs(string? name) => name is Single or Index || Shard().IsMatch(name!);

    [GeneratedRegex(@"^model-\d{5}-of-\d{5}\.safetensors$")]
    private static partial Regex Shard();
}
