using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// What is hidden from whom, as terms added to the scores: 0 where visible, <see cref="AttentionKernel.Hidden"/> where not.
/// <see cref="AttentionTerms"/> says most of it without a matrix.
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
    /// <param name="documents">(B, Tq) int64, the number of each position's document</param>
    /// <param name="read">(B, Tk), those of the keys; null: the same</param>
    /// <returns>(B, 1, Tq, Tk) float32</returns>
    public static Tensor Documents(Tensor documents, Tensor? read = null)
        => Hide(documents.unsqueeze(-1).ne((read ?? documents).unsqueeze(1))).unsqueeze(1);

    /// <summary>The positions inside their documents, each in one piece, counted from 0: (B, T) int64 to (B, T) int64.</summary>
    public static Tensor PositionsWithin(Tensor documents)
    {
        using var scope = NewDisposeScope();
        var (T, places) = (documents.shape[1], arange(documents.shape[1], ScalarType.Int64, documents.device));
        var begins = documents.narrow(1, 1, T - 1).ne(documents.narrow(1, 0, T - 1)).to(ScalarType.Int64); // (B, T - 1)
        var beginning = nn.functional.pad(begins, (1, 0)) * places; // where one begins, its place; else 0
        return (places - beginning.cummax(1).Item1).MoveToOuterDisposeScope();
    }

    /// <summary>Whether each row of a mask (B, T) has its tokens side by side: padding at its ends alone.</summary>
    public static bool IsOneRun(Tensor mask)
    {
        using var scope = NewDisposeScope();
        var token = mask.ne(0).to(ScalarType.Int64);
        var starts = token.narrow(1, 1, token.shape[1] - 1).gt(token.narrow(1, 0, token.shape[1] - 1)).sum(1) + token.select(1, 0); // (B)
        return starts.le(1).all().item<bool>();
    }

    private static Tensor Hide(Tensor hidden)
    {
        using var scope = NewDisposeScope();
        return (hidden.to(ScalarType.Float32) * AttentionKernel.Hidden).MoveToOuterDisposeScope();
    }
}
