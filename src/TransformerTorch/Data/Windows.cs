namespace TransformerTorch.Data;

/// <summary>How documents become windows of one length.</summary>
/// <param name="Stride">From one window's first token to the next one's.</param>
public sealed record WindowOptions(int Stride)
{
    /// <summary>
    /// Tokens that a window shares with the next: one for causal models, the last target, so that every token is a target once.
    /// </summary>
    public int Overlap { get; init; }

    /// <summary>Whether windows tell their documents apart, in a column <c>documents</c>.</summary>
    public bool Isolated { get; init; }

    /// <summary>Of the offset at which each pass begins to cut; null: all passes cut alike.</summary>
    public long? Seed { get; init; }
}

/// <summary>Documents packed end to end and cut into windows of one length.</summary>
public sealed class Windows(ExampleFile file, WindowOptions options) : IExamples
{
    private readonly TokenFile _ids = file.Ids;
    private readonly int _width = options.Stride + options.Overlap;

    /// <inheritdoc/>
    public long Count(long epoch) => Math.Max(0, (_ids.Count - options.Overlap - Offset(epoch)) / options.Stride);

    /// <inheritdoc/>
    public int Length(long index, long epoch) => _width;

    /// <inheritdoc/>
    public Example Read(long index, long epoch)
    {
        var first = Offset(epoch) + index * options.Stride;
        var columns = file.Columns.ToDictionary(column => column.Key, column =>
        {
            var values = new int[_width];
            column.Value.Read(first, values);
            return values;
        });
        if (options.Isolated) columns[Batch.Names.Documents] = Documents(first);
        // The targets' text: what is shared is a target in the next window, or in this one and not in the last.
        return new(columns) { TextBytes = _ids.BytesUpTo(first + _width) - _ids.BytesUpTo(first + options.Overlap) };
    }

    private int[] Documents(long first)
    {
        var documents = new int[_width];
        var document = _ids.DocumentOf(first);
        for (var (i, number) = (0, 1); i < _width; i++)
        {
            while (_ids.EndOfDocument(document) <= first + i) (document, number) = (document + 1, number + 1);
            documents[i] = number;
        }
        return documents;
    }

    // Never so far that no window is left.
    private long Offset(long epoch) => epoch == 0 || options.Seed is not { } seed ? 0
        : (long)SplitMix.Of(seed, epoch).Below((ulong)Math.Clamp(_ids.Count - _width + 1, 1, options.Stride));
}
