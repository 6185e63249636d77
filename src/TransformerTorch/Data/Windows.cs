namespace TransformerTorch.Data;

/// <summary>
/// A token file as windows of one length, documents packed end to end. A window may hold more tokens than the next one is away: those of
/// causal models overlap in one token, the last target, so that every token is a target once. Each pass cuts at another offset.
/// </summary>
/// <param name="file">The tokens.</param>
/// <param name="stride">From one window's first token to the next one's.</param>
/// <param name="overlap">Tokens that a window shares with the next.</param>
/// <param name="seed">Of the offsets; null: all passes cut alike.</param>
public sealed class Windows(TokenFile file, int stride, int overlap = 0, long? seed = null) : IExamples
{
    /// <inheritdoc/>
    public long Count(long epoch) => Math.Max(0, (file.Count - overlap - Offset(epoch)) / stride);

    /// <inheritdoc/>
    public int Length(long index, long epoch) => stride + overlap;

    /// <inheritdoc/>
    public Example Read(long index, long epoch)
    {
        var ids = new int[stride + overlap];
        var first = Offset(epoch) + index * stride;
        file.Read(first, ids);
        // The targets' text: what is shared is a target in the next window, or in this one and not in the last.
        return new(ids) { TextBytes = file.BytesUpTo(first + stride + overlap) - file.BytesUpTo(first + overlap) };
    }

    // Never so far that no window is left.
    private long Offset(long epoch) => epoch == 0 || seed is not { } given ? 0
        : (long)SplitMix.Of(given, epoch).Below((ulong)Math.Clamp(file.Count - overlap - stride + 1, 1, stride));
}
