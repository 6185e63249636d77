using System.Collections.Concurrent;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// Linear biases by distance (Press et al., 2022): each head has a slope, its scores fall with the distance at that rate.
/// </summary>
public static class Alibi
{
    private static readonly ConcurrentDictionary<int, DeviceConstant> s_slopes = new();

    /// <summary>The heads' slopes: a geometric sequence, and for a count that is no power of two every other one of the next.</summary>
    public static float[] Slopes(int heads)
    {
        var power = 1 << (int)Math.Log2(heads);
        var own = Enumerable.Range(1, power).Select(i => Math.Pow(2, -8.0 * i / power));
        var between = Enumerable.Range(0, heads - power).Select(i => Math.Pow(2, -4.0 * ((2 * i) + 1) / power));
        return [.. own.Concat(between).Select(s => (float)s)];
    }

    /// <summary>The terms by distance, where positions are places: (H, Tq + Tk - 1), as <see cref="AttentionTerms"/> has them.</summary>
    public static Tensor ByDistance(int heads, long queries, long keys, Device device)
    {
        using var scope = NewDisposeScope();
        var ahead = arange(queries - 1, -keys, -1, ScalarType.Float32, device); // key less query
        return (On(device, heads).unsqueeze(1) * ahead).MoveToOuterDisposeScope();
    }

    /// <summary>The terms of keys at positions. Only differences between keys matter, so the query's place does not enter.</summary>
    /// <param name="positions">(Tk) or (B, Tk) int64</param>
    /// <param name="heads">H</param>
    /// <returns>(1 or B, H, 1, Tk) float32</returns>
    public static Tensor Bias(Tensor positions, int heads)
    {
        using var scope = NewDisposeScope();
        var keys = positions.view(-1, 1, 1, positions.shape[^1]).to(ScalarType.Float32);
        return (On(positions.device, heads).view(1, heads, 1, 1) * keys).MoveToOuterDisposeScope();
    }

    private static Tensor On(Device device, int heads)
        => s_slopes.GetOrAdd(heads, _ => new(to => tensor(Slopes(heads), device: to))).On(device);
}
