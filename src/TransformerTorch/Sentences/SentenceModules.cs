using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Sentences;

/// <summary>What follows pooling in a sentence-transformers folder, and the settings around it.</summary>
internal static class SentenceModules
{
    private static readonly Dictionary<string, string> s_activations = new()
    {
        ["Tanh"] = "tanh", ["ReLU"] = "relu", ["GELU"] = "gelu", ["SiLU"] = "silu", ["Identity"] = "",
    };

    // The names that the reference's first versions gave it, in the order in which it looks for them.
    private static readonly string[] s_transformers = ["bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"];

    /// <summary>The folder's modules in order: their kind (the last part of their class's name) and their folder.</summary>
    /// <exception cref="CheckpointException">No modules.json, or a damaged one.</exception>
    public static IReadOnlyList<(string Kind, string Folder)> List(string folder)
    {
        var path = Path.Combine(folder, "modules.json");
        if (Json(path) is not JsonArray list) throw new CheckpointException($"{path}: not a list of modules");
        return [.. list.Select(Module)];

        (string Kind, string Folder) Module(JsonNode? node)
        {
            if (node is not JsonObject module || module["type"] is not { } type)
                throw new CheckpointException($"{path}: a module without a type");
            var inside = $"{module["path"]}";
            if (Path.IsPathRooted(inside) || inside.Split('/', '\\').Contains(".."))
                throw new CheckpointException($"{path}: {inside} is not inside the folder");
            return ($"{type}".Split('.')[^1], Path.Combine(folder, inside));
        }
    }

    /// <summary>A settings file; empty where there is none.</summary>
    /// <exception cref="CheckpointException">It is damaged.</exception>
    public static JsonObject Settings(string path)
    {
        if (!File.Exists(path)) return [];
        return Json(path) as JsonObject ?? throw new CheckpointException($"{path}: not a JSON object");
    }

    /// <summary>The settings of the transformer in a folder; empty where there are none.</summary>
    /// <exception cref="CheckpointException">They are damaged.</exception>
    public static JsonObject OfTransformer(string folder)
        => s_transformers.Select(name => Path.Combine(folder, $"sentence_{name}_config.json")).FirstOrDefault(File.Exists) is { } path
            ? Settings(path) : [];

    /// <summary>A projection of pooled vectors, with its activation; its weights belong to the model.</summary>
    /// <exception cref="CheckpointException">Weights or an activation that it cannot have.</exception>
    public static (Linear Projection, Func<Tensor, Tensor> Activation) Dense(string folder)
    {
        var path = Path.Combine(folder, "config.json");
        var config = Settings(path);
        var name = $"{config["activation_function"] ?? "torch.nn.modules.activation.Tanh"}".Split('.')[^1];
        if (!s_activations.TryGetValue(name, out var activation))
            throw new CheckpointException($"{path}: activation_function {name} is none of {string.Join(", ", s_activations.Keys)}");
        using var source = WeightSource.Open(folder);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var weight = Read("linear.weight") ?? throw new CheckpointException($"{folder}: no linear.weight");
        var bias = Read("linear.bias");
        if (weight.dim() != 2 || (bias is not null && bias.numel() != weight.shape[0]))
            throw new CheckpointException($"{folder}: linear.weight and linear.bias do not go together");
        var linear = new Linear(weight.shape[1], weight.shape[0], bias is not null);
        linear.Weight.copy_(weight);
        if (bias is not null) linear.Bias!.copy_(bias);
        return (linear, activation == "" ? x => x.alias() : Activation.Named(activation));

        Tensor? Read(string tensor) => source.Names.Contains(tensor) ? source.FileOf(tensor).Read(tensor) : null;
    }

    private static JsonNode? Json(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path));
        }
        catch (Exception e) when (e is JsonException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException(e is JsonException json ? JsonErrors.Describe(path, json) : $"{path}: not there", e);
        }
    }
}
