using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>
/// <c>rope_freqs.weight</c>: what each rotary frequency is divided by, in which GGUF says LLaMA 3's bands (llama.cpp's
/// convert_hf_to_gguf.py).
/// </summary>
internal static class GgufFrequencies
{
    // The bands of every published LLaMA 3; only their factor differs.
    private const double Low = 1, High = 4;
    private const int Context = 8192;

    /// <summary>The divisors of a scaling.</summary>
    public static float[] Divisors(RotaryOptions rotary, BandScaling band)
        => [.. Rotary.Frequencies(rotary, rotary.Theta).Zip(band.Frequencies(rotary, length: 0),
            (plain, scaled) => (float)(plain / scaled))];

    /// <summary>Published keys of divisors: LLaMA 3's, if they are those of its bands; else the list itself.</summary>
    public static JsonObject Keys(JsonObject rotary, float[] divisors, long positions)
    {
        var options = new RotaryOptions { Size = 2 * divisors.Length, Theta = (double)rotary["rope_theta"]! };
        var band = new BandScaling(Math.Round(divisors.Max(), 3), Low, High, Context);
        if (Divisors(options, band).Zip(divisors).All(d => Math.Abs(d.First - d.Second) <= 1e-4 * d.Second))
        {
            (rotary["rope_type"], rotary["factor"]) = ("llama3", band.Factor);
            (rotary["low_freq_factor"], rotary["high_freq_factor"]) = (Low, High);
            rotary["original_max_position_embeddings"] = Context;
            return rotary;
        }
        rotary["rope_type"] = "longrope";
        foreach (var name in (string[])["short_factor", "long_factor"])
            rotary[name] = new JsonArray([.. divisors.Select(d => (JsonNode)d)]);
        (rotary["attention_factor"], rotary["factor"]) = (1.0, 1.0);
        rotary["original_max_position_embeddings"] = positions;
        return rotary;
    }
}
