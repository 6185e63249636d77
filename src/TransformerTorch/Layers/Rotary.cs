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
}

/// <summary>Frequencies divided by a factor, all of them or, with bounds, only the slow ones (LLaMA 3.1).</summary>
public sealed record RotaryScaling
{
    /// <summary>The divisor.</summary>
    public required double Factor { get; init; }

    /// <summary>
    /// (low, high, original context): wavelengths under original/high stay, over original/low are divided, between blend.
    /// </summary>
    public (double Low, double High, double OriginalContext)? Bounds { get; init; }

    internal double Apply(double frequency)
    {
        if (Bounds is not { } b) return frequency / Factor;
        var wavelength = 2 * Math.PI / frequency;
        var keep = Math.Clamp(((b.OriginalContext / wavelength) - b.Low) / (b.High - b.Low), 0, 1);
        return frequency * (keep + ((1 - keep) / Factor));
    }
}

/// <summary>The angles of rotary position embedding (Su et al., 2021): one frequency a pair of features.</summary>
public sealed class Rotary
{
    private readonly float[] _frequencies;

    /// <summary>The frequencies of these options.</summary>
    public Rotary(RotaryOptions options)
    {
        var frequencies = Enumerable.Range(0, options.Size / 2).Select(i => Math.Pow(options.Theta, -2.0 * i / options.Size));
        _frequencies = [.. frequencies.Select(f => (float)(options.Scaling?.Apply(f) ?? f))];
    }

    /// <summary>Cosines and sines at positions, computed once a forward pass for all layers.</summary>
    /// <param name="positions">(T) or (B, T) int64</param>
    /// <returns>twice (T, R/2) or (B, T, R/2), float32</returns>
    public (Tensor Cos, Tensor Sin) At(Tensor positions)
    {
        using var scope = NewDisposeScope();
        var angles = positions.to(ScalarType.Float32).unsqueeze(-1) * tensor(_frequencies, device: positions.device);
        return (angles.cos().MoveToOuterDisposeScope(), angles.sin().MoveToOuterDisposeScope());
    }
}
