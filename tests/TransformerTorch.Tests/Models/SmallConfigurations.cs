using System.Text.Json.Nodes;

namespace TransformerTorch.Tests.Models;

/// <summary>Published keys of small models by name: <c>model_type</c>, and after a comma what sets one kind apart from another.</summary>
internal sealed class SmallConfigurations(Dictionary<string, string> options)
{
    /// <summary>The names.</summary>
    public IReadOnlyCollection<string> Names => options.Keys;

    /// <summary>A model's keys, some of them changed.</summary>
    public JsonObject Keys(string name, params (string Key, JsonNode Value)[] changes)
    {
        var keys = JsonNode.Parse($"{{{options[name]}}}".Replace('\'', '"'))!.AsObject();
        keys["model_type"] = name.Split(',')[0];
        foreach (var (key, value) in changes) keys[key] = value;
        return keys;
    }
}
