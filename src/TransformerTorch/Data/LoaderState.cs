namespace TransformerTorch.Data;

/// <summary>Where a loader stands: all it needs to go on exactly.</summary>
/// <param name="Seed">Of the order and of all that collators draw.</param>
/// <param name="Chunk">Chunks drawn before.</param>
/// <param name="Within">Batches of this chunk already given out.</param>
/// <param name="Parts">Where each source stood at the beginning of the chunk.</param>
public sealed record LoaderState(long Seed, long Chunk, int Within, IReadOnlyList<PartPosition> Parts);

/// <summary>Where a loader stands in one source.</summary>
/// <param name="Epoch">Passes completed.</param>
/// <param name="Index">Examples of this pass already drawn.</param>
/// <param name="Count">Fingerprint of what it reads: examples of the first pass.</param>
public sealed record PartPosition(long Epoch, long Index, long Count);

/// <summary>Gives batches without end, from a position that can be kept.</summary>
public interface IBatchLoader : IDisposable
{
    /// <summary>Where it stands: after the last batch given out, however many are prepared ahead.</summary>
    LoaderState State { get; }

    /// <summary>Passes over the data so far, with fraction.</summary>
    double Epochs { get; }

    /// <summary>Batches of a pass; an estimate where their sizes differ.</summary>
    double BatchesPerEpoch { get; }

    /// <summary>The next batch.</summary>
    Batch NextBatch();
}

/// <summary>A source of a mixture.</summary>
/// <param name="Examples">Its examples.</param>
/// <param name="Weight">Its share in what is drawn, beside the others' weights.</param>
public sealed record LoaderPart(IExamples Examples, double Weight = 1);

/// <summary>How batches are put together.</summary>
public sealed record LoaderOptions
{
    /// <summary>Rows of a batch; at most, where a token budget ends it sooner.</summary>
    public required int Rows { get; init; }

    /// <summary>Tokens of a batch at most, padding included; 0: any number.</summary>
    public long MaxTokens { get; init; }

    /// <summary>Whether examples of about one length come together, so that little is padded.</summary>
    public bool GroupByLength { get; init; }

    /// <summary>Whole examples are packed into rows of so many tokens; 0: not.</summary>
    public int PackedLength { get; init; }

    /// <summary>Batches made ahead, each on a thread of its own; 0: none, they are made when asked for.</summary>
    public int Prefetch { get; init; }
}
