using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>Sines and cosines of positions (Vaswani et al., 2017), all sines before all cosines as published checkpoints have it.</summary>
public static class SinusoidalPositions
{
    /// <summary>The vectors of the first positions: (T, C) float32.</summary>
    public static Tensor Of(int positions, int width)
    {
        using var scope = NewDisposeScope();
        var half = (width + 1) / 2;
        var frequencies = tensor([.. Enumerable.Range(0, half).Select(i => Math.Pow(10000, -2.0 * i / width))]);
        var angles = arange(positions, ScalarType.Float64).unsqueeze(-1) * frequencies; // (T, C/2)
        return cat([angles.sin(), angles.cos().narrow(-1, 0, width - half)], -1).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }
}
