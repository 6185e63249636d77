using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// What is hidden from whom beyond causality and windows, as terms added to the scores: 0 where visible,
/// <see cref="AttentionKernel.Hidden"/> where not.
/// </summary>
public static class AttentionMask
{
    /// <summary>Padding is seen by nobody.</summary>
    /// <param name="mask">(B, Tk), 1 for a token and 0 for padding</param>
    /// <returns>(B, 1, 1, Tk) float32</returns>
    public static Tensor Padding(Tensor mask) => Hide(mask.eq(0)).unsqueeze(1).unsqueeze(1);

    /// <summary>As <see cref="Padding"/>, but padding itself sees everything, padding too.</summary>
    /// <param name="mask">(B, T)</param>
    /// <returns>(B, 1, T, T) float32</returns>
    public static Tensor BlindPadding(Tensor mask)
        => Hide(mask.eq(0).unsqueeze(1).logical_and(mask.ne(0).unsqueeze(-1))).unsqueeze(1);

    /// <summary>Padding and what is outside a window either way, all hidden alike: padding far from any token sees everything.</summary>
    /// <param name="mask">(B, T)</param>
    /// <param name="window">a position sees those nearer than this</param>
    /// <returns>(B, 1, T, T) float32</returns>
    public static Tensor Window(Tensor mask, int window)
    {
        using var scope = NewDisposeScope();
        var at = arange(mask.shape[1], device: mask.device);
        var far = (at.unsqueeze(0) - at.unsqueeze(1)).abs().ge(window); // (T, T)
        return Hide(far.unsqueeze(0).logical_or(mask.eq(0).unsqueeze(1))).unsqueeze(1).MoveToOuterDisposeScope();
    }

    /// <summary>Documents packed into one row see themselves alone.</summary>
    /// <param name="documents">(B, T) int64, the number of each position's document</param>
    /// <returns>(B, 1, T, T) float32</returns>
    public static Tensor Documents(Tensor documents) => Hide(documents.unsqueeze(-1).ne(documents.unsqueeze(1))).unsqueeze(1);

    /// <summary>A prefix sees itself wholly, what follows sees what came before (Raffel et al., 2020, "prefix LM").</summary>
    /// <param name="prefix">(B) int64, the prefix's length</param>
    /// <param name="length">T</param>
    /// <returns>(B, 1, T, T) float32</returns>
    public static Tensor Prefix(Tensor prefix, long length)
    {
        using var scope = NewDisposeScope();
        var at = arange(length, device: prefix.device);
        var later = at.unsqueeze(0).gt(at.unsqueeze(1)); // (T, T), key after query
        var outside = at.unsqueeze(0).ge(prefix.unsqueeze(-1)).unsqueeze(1); // (B, 1, T)
        return Hide(later.unsqueeze(0).logical_and(outside)).unsqueeze(1).MoveToOuterDisposeScope();
    }

    /// <summary>The positions inside their documents, counted from 0: (B, T) int64 to (B, T) int64.</summary>
    public static Tensor PositionsWithin(Tensor documents)
    {
        using var scope = NewDisposeScope();
        var same = documents.unsqueeze(-1).eq(documents.unsqueeze(1)).to(ScalarType.Int64); // (B, T, T)
        return (same.tril().sum(-1) - 1).MoveToOuterDisposeScope();
    }

    private static Tensor Hide(Tensor hidden)
    {
        using var scope = NewDisposeScope();
        return (hidden.to(ScalarType.Float32) * AttentionKernel.Hidden).MoveToOuterDisposeScope();
    }
}
