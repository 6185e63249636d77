using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>
/// Names a tensor's dimensions and checks its rank in one line: <c>var (B, T, C) = x.Dims3();</c>.
/// Letters: B batch, T time (positions), Tq and Tk query and key positions, C width, H heads, K key-value heads, D head size, V vocabulary.
/// </summary>
public static class Dims
{
    /// <summary>Both dimensions of a matrix.</summary>
    /// <exception cref="ArgumentException">The tensor is not of rank 2.</exception>
    public static (long, long) Dims2(this Tensor x)
    {
        var s = Checked(x, rank: 2);
        return (s[0], s[1]);
    }

    /// <summary>The three dimensions of a tensor of rank 3.</summary>
    /// <exception cref="ArgumentException">The tensor is not of rank 3.</exception>
    public static (long, long, long) Dims3(this Tensor x)
    {
        var s = Checked(x, rank: 3);
        return (s[0], s[1], s[2]);
    }

    /// <summary>The four dimensions of a tensor of rank 4.</summary>
    /// <exception cref="ArgumentException">The tensor is not of rank 4.</exception>
    public static (long, long, long, long) Dims4(this Tensor x)
    {
        var s = Checked(x, rank: 4);
        return (s[0], s[1], s[2], s[3]);
    }

    /// <summary>A shape as people write it: <c>(2, 13, 32)</c>.</summary>
    public static string Describe(ReadOnlySpan<long> shape) => $"({string.Join(", ", shape.ToArray())})";

    private static long[] Checked(Tensor x, int rank)
    {
        var shape = x.shape;
        return shape.Length == rank ? shape : throw new ArgumentException($"expected a tensor of rank {rank}, got shape {Describe(shape)}");
    }
}
