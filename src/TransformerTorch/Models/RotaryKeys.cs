using TransformerTorch.Layers;

namespace TransformerTorch.Models;

/// <summary>
/// Rotary positions in published configurations: <c>rope_parameters</c> of Transformers 5, <c>rope_theta</c>, <c>rope_scaling</c> and
/// <c>partial_rotary_factor</c> of 4. What a family says where its configuration says nothing, and under which keys it says the rest.
/// </summary>
public sealed record RotaryKeys
{
    /// <summary>The base.</summary>
    public double Theta { get; init; } = 10000;

    /// <summary>Its key beside the section.</summary>
    public string ThetaKey { get; init; } = "rope_theta";

    /// <summary>The share of a head's features that turn.</summary>
    public double Partial { get; init; } = 1;

    /// <summary>Its key beside the section.</summary>
    public string PartialKey { get; init; } = "partial_rotary_factor";

    /// <summary>The positions that frequencies were trained for, where the configuration does not say it; null: all there are.</summary>
    public int? Context { get; init; }

    /// <summary>The name under which the section has one for each type of layer; null: it is one for all.</summary>
    public string? LayerType { get; init; }

    /// <summary>Whether <c>rope_scaling</c> is meant for these layers.</summary>
    public bool Scaled { get; init; } = true;

    /// <summary>Types of scaling that the family calls by other names.</summary>
    public IReadOnlyDictionary<string, string> Types { get; init; } = new Dictionary<string, string>();

    /// <summary>Reads them.</summary>
    /// <param name="keys">the configuration</param>
    /// <param name="headSize">D</param>
    /// <param name="positions">the most positions</param>
    /// <exception cref="ModelConfigException">An unknown type, a missing key, or features that do not pair up.</exception>
    public RotaryOptions Read(ConfigKeys keys, int headSize, int positions)
    {
        var parameters = keys.Section("rope_parameters");
        if (LayerType is { } type) parameters = parameters?.Section(type);
        var section = (Scaled ? keys.Section("rope_scaling") : null) ?? parameters;
        var theta = Number("rope_theta", ThetaKey, Theta);
        var size = (int)(headSize * Number("partial_rotary_factor", PartialKey, Partial));
        if (size % 2 != 0 || size > headSize) throw keys.Contradiction($"{size} rotary features of a head of {headSize} do not pair up");
        return new RotaryOptions { Size = size, Theta = theta, Scaling = section is null ? null : Scaling(keys, section, size, positions) };

        double Number(string inside, string beside, double otherwise)
            => section is not null && section.Has(inside) ? section.Number(inside) : keys.Number(beside, otherwise);
    }

    private RotaryScaling? Scaling(ConfigKeys keys, ConfigKeys section, int size, int positions)
    {
        var key = section.Has("rope_type") ? "rope_type" : "type";
        string[] known = ["default", "linear", "dynamic", "yarn", "longrope", "llama3"];
        var type = section.OneOf(key, known.Concat(Types.Keys), "default");
        if (Types.TryGetValue(type, out var meant)) type = meant;
        const string original = "original_max_position_embeddings";
        var context = keys.Whole(original, Context ?? section.Whole(original, positions));
        var ratio = (double)positions / context;
        return type switch
        {
            "linear" => new LinearScaling(section.Number("factor")),
            "dynamic" => new DynamicScaling(section.Number("factor"), positions),
            "llama3" => new BandScaling(section.Number("factor"), section.Number("low_freq_factor"), section.Number("high_freq_factor"),
                context),
            "yarn" => Yarn(section, section.Number("factor", ratio), context),
            "longrope" => new ListedScaling(Divisors("short_factor"), Divisors("long_factor"), context)
            {
                Magnitude = section.Number("attention_factor", LongMagnitude(section.Number("factor", ratio), context)),
            },
            _ => null,
        };

        IReadOnlyList<double> Divisors(string name)
            => section.Numbers(name) is var list && list.Count == size / 2 ? list : throw section.Wrong(name, $"{size / 2} numbers");
    }

    private static YarnScaling Yarn(ConfigKeys section, double factor, int context)
    {
        var magnitude = section.Number("mscale", 0) is not 0 and var scale && section.Number("mscale_all_dim", 0) is not 0 and var all
            ? YarnScaling.MagnitudeOf(factor, scale) / YarnScaling.MagnitudeOf(factor, all) : YarnScaling.MagnitudeOf(factor);
        return new YarnScaling(factor, context)
        {
            Fast = section.Number("beta_fast", 32), Slow = section.Number("beta_slow", 1), Truncate = section.Flag("truncate", true),
            Magnitude = section.Number("attention_factor", magnitude),
        };
    }

    private static double LongMagnitude(double factor, int context)
        => factor <= 1 ? 1 : Math.Sqrt(1 + (Math.Log(factor) / Math.Log(context)));
}
