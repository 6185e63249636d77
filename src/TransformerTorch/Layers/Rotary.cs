using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>What a <see cref="Rotary"/> is.</summary>
public sealed record RotaryOptions
{
    /// <summary>R, how many of the head's features turn.</summary>
    public required int Size { get; init; }

    /// <summary>The base of the wavelengths.</summary>
    public double Theta { get; init; } = 10000;

    /// <summary>Whether neighbours pair up, rather than the two halves.</summary>
    public bool Interleaved { get; init; }

    /// <summary>How frequencies are stretched for longer texts; null: not.</summary>
    public RotaryScaling? Scaling { get; init; }

    /// <summary>The most positions of a model that is configured for some.</summary>
    public int Reach(int positions) => (int)(Scaling?.Reach(positions) ?? positions);
}

/// <summary>The angles of rotary position embedding (Su et al., 2021): one frequency a pair of features.</summary>
public sealed class Rotary(RotaryOptions options)
{
    private readonly DeviceConstant _frequencies = new(device => tensor(Scaled(options, length: 0), device: device));

    /// <summary>Cosines and sines at positions, computed once a forward pass for all layers.</summary>
    /// <param name="positions">(T) or (B, T) int64</param>
    /// <returns>twice (T, R/2) or (B, T, R/2), float32</returns>
    public (Tensor Cos, Tensor Sin) At(Tensor positions)
    {
        using var scope = NewDisposeScope();
        var frequencies = options.Scaling is { ByLength: true }
            ? tensor(Scaled(options, positions.max().item<long>() + 1), device: positions.device) : _frequencies.On(positions.device);
        var angles = positions.to(ScalarType.Float32).unsqueeze(-1) * frequencies;
        var (cos, sin) = (angles.cos(), angles.sin());
        if (options.Scaling is { Magnitude: not 1 and var magnitude }) (cos, sin) = (cos * magnitude, sin * magnitude);
        return (cos.MoveToOuterDisposeScope(), sin.MoveToOuterDisposeScope());
    }

    /// <summary>The frequencies of a base. Rounded as the reference rounds, which shows at far positions.</summary>
    internal static IEnumerable<double> Frequencies(RotaryOptions options, double theta) => Enumerable.Range(0, options.Size / 2)
        .Select(i => (double)(1 / (float)Math.Pow(theta, (float)(2 * i) / options.Size)));

    private static float[] Scaled(RotaryOptions options, long length)
        => [.. (options.Scaling?.Frequencies(options, length) ?? Frequencies(options, options.Theta)).Select(f => (float)f)];
}
