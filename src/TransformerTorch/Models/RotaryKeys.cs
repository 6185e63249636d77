using TransformerTorch.Layers;

namespace TransformerTorch.Models;

/// <summary>
/// Rotary positions in published configurations: <c>rope_parameters</c> of Transformers 5, <c>rope_theta</c> and <c>rope_scaling</c> of 4.
/// </summary>
internal static class RotaryKeys
{
    public static RotaryOptions Read(ConfigKeys keys, int headSize, int positions)
    {
        var section = keys.Section("rope_parameters") ?? keys.Section("rope_scaling");
        var theta = section is not null && section.Has("rope_theta") ? section.Number("rope_theta") : keys.Number("rope_theta", 10000);
        return new RotaryOptions { Size = headSize, Theta = theta, Scaling = section is null ? null : Scaling(section, positions) };
    }

    private static RotaryScaling? Scaling(ConfigKeys keys, int positions)
    {
        var key = keys.Has("rope_type") ? "rope_type" : "type";
        return keys.OneOf(key, ["default", "linear", "llama3"], "default") switch
        {
            "linear" => new RotaryScaling { Factor = keys.Number("factor") },
            "llama3" => new RotaryScaling
            {
                Factor = keys.Number("factor"),
                Bounds = (keys.Number("low_freq_factor"), keys.Number("high_freq_factor"),
                    keys.Whole("original_max_position_embeddings", positions)),
            },
            _ => null,
        };
    }
}
