using static TorchSharp.torch;

namespace TransformerTorch.Tests.Support;

/// <summary>Comparisons of tensors, always with their tolerance.</summary>
internal static class TensorAssert
{
    /// <summary>Equal within an absolute tolerance, everywhere or where the mask (B, T) is not 0.</summary>
    public static void Close(Tensor expected, Tensor actual, double within, Tensor? mask = null)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        var difference = (expected.to(ScalarType.Float64) - actual.to(ScalarType.Float64)).abs();
        if (mask is not null) difference = difference * mask.unsqueeze(-1).to(ScalarType.Float64);
        var greatest = difference.max().item<double>();
        Assert.True(greatest <= within, $"differs by {greatest:g3}, allowed {within:g3}"); // false for NaN
    }

    /// <summary>Equal within a relative tolerance.</summary>
    public static void Near(double expected, double actual, double relative, string what)
        => Assert.True(Math.Abs(actual - expected) <= relative * Math.Abs(expected),
            $"{what}: {actual:g9}, the reference has {expected:g9}, allowed {relative:g3}");
}
