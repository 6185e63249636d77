using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>How a text's hidden states become one vector.</summary>
public enum Pooling
{
    /// <summary>That of the first token ([CLS]).</summary>
    First,

    /// <summary>That of the last token that is no padding.</summary>
    Last,

    /// <summary>The mean over all tokens that are no padding.</summary>
    Mean,

    /// <summary>The sum over those, by the root of how many they are.</summary>
    MeanSquareRoot,

    /// <summary>The mean over those, the first counting once, the second twice, and so on (Muennighoff, 2022).</summary>
    WeightedMean,

    /// <summary>The greatest of each feature over all tokens that are no padding.</summary>
    Max,

    /// <summary>That of the last end token.</summary>
    EndToken,
}

/// <summary>One vector a text.</summary>
internal static class Pooled
{
    /// <summary>(B, T, C) to (B, C).</summary>
    /// <param name="hidden">hidden states</param>
    /// <param name="how">which vector</param>
    /// <param name="ids">(B, T) what was read</param>
    /// <param name="mask">(B, T) what of it is no padding; none: all</param>
    /// <param name="endToken">for <see cref="Pooling.EndToken"/></param>
    public static Tensor Of(Tensor hidden, Pooling how, Tensor ids, Tensor? mask, int? endToken = null)
    {
        using var scope = NewDisposeScope();
        var (B, T, C) = hidden.Dims3();
        var real = mask ?? ones_like(ids);
        return (how switch
        {
            Pooling.First => hidden.select(1, 0),
            Pooling.Last => At(LastOf(real.ne(0))),
            Pooling.EndToken => At(LastOf(ids.eq(endToken ?? throw new ArgumentException("no end token is configured")))),
            Pooling.Mean => Mean(Share()),
            Pooling.MeanSquareRoot => (hidden * Share()).sum(1) / Share().sum(1).clamp_min(1e-9).sqrt(),
            Pooling.WeightedMean => Mean(Share() * arange(1, T + 1, device: ids.device).view(1, T, 1).to(hidden.dtype)),
            Pooling.Max => hidden.masked_fill(real.eq(0).unsqueeze(-1), float.NegativeInfinity).amax([1]),
            _ => throw new ArgumentOutOfRangeException(nameof(how)),
        }).MoveToOuterDisposeScope();

        Tensor LastOf(Tensor here) => (here.to(ScalarType.Int64) * arange(T, device: ids.device)).argmax(-1); // (B)
        Tensor At(Tensor positions) => hidden.gather(1, positions.view(B, 1, 1).expand(B, 1, C)).squeeze(1);
        Tensor Mean(Tensor shares) => (hidden * shares).sum(1) / shares.sum(1).clamp_min(1e-9);
        Tensor Share() => real.unsqueeze(-1).to(hidden.dtype);
    }
}
