using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Models;

namespace TransformerTorch.Sentences;

/// <summary>How a sentence-transformers folder pools: the vectors of its modes, one after the other.</summary>
internal static class PoolingModes
{
    // In the order in which the reference joins them.
    private static readonly (string Key, string Name, Pooling Pooling)[] s_modes =
    [
        ("cls_token", "cls", Pooling.First), ("max_tokens", "max", Pooling.Max), ("mean_tokens", "mean", Pooling.Mean),
        ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens", Pooling.MeanSquareRoot),
        ("weightedmean_tokens", "weightedmean", Pooling.WeightedMean), ("lasttoken", "lasttoken", Pooling.Last),
    ];

    /// <summary>Reads a pooling module's config.json: a flag for each mode, or <c>pooling_mode</c>, a name or several.</summary>
    /// <exception cref="CheckpointException">An unknown mode, or none.</exception>
    public static IReadOnlyList<Pooling> Read(JsonObject config, string path)
    {
        var named = config["pooling_mode"] switch
        {
            null => [],
            JsonArray list => list.Select(n => $"{n}").ToList(),
            var one => [$"{one}"],
        };
        if (named.FirstOrDefault(n => s_modes.All(m => m.Name != n)) is { } unknown)
            throw new CheckpointException($"{path}: pooling_mode {unknown} is none of {string.Join(", ", s_modes.Select(m => m.Name))}");
        IReadOnlyList<Pooling> modes = [.. from mode in s_modes
                                           where named.Contains(mode.Name) || $"{config[$"pooling_mode_{mode.Key}"]}" == "true"
                                           select mode.Pooling];
        return modes.Count > 0 ? modes : throw new CheckpointException($"{path}: no pooling mode is set");
    }
}
