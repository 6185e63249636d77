using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>The weights' type as a config.json tells it: <c>dtype</c>, or <c>torch_dtype</c> in Transformers 4.</summary>
internal static class PublishedType
{
    private static readonly Dictionary<ScalarType, string> s_names = new()
    {
        [ScalarType.Float32] = "float32", [ScalarType.BFloat16] = "bfloat16", [ScalarType.Float16] = "float16",
        [ScalarType.Float64] = "float64",
    };

    /// <summary>Lets a configuration that tells a type tell this one.</summary>
    /// <param name="config">the configuration</param>
    /// <param name="type">the type</param>
    /// <param name="always">whether one that tells none shall tell it too</param>
    public static void Set(JsonObject config, ScalarType type, bool always = false)
    {
        if (always) config["dtype"] = s_names[type];
        foreach (var key in (string[])["dtype", "torch_dtype"])
            if (config.ContainsKey(key)) config[key] = s_names[type];
    }
}
