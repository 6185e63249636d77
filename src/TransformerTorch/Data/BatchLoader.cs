namespace TransformerTorch.Data;

/// <summary>Where a loader stands: all it needs to go on exactly.</summary>
/// <param name="Seed">Of the order and of all that collators draw.</param>
/// <param name="Batch">Batches given out.</param>
/// <param name="Parts">Where each source stands.</param>
public sealed record LoaderState(long Seed, long Batch, IReadOnlyList<PartPosition> Parts);

/// <summary>Where a loader stands in one source.</summary>
/// <param name="Epoch">Passes completed.</param>
/// <param name="Index">Examples of this pass already given out.</param>
/// <param name="Count">Fingerprint of what it reads: examples of the first pass.</param>
public sealed record PartPosition(long Epoch, long Index, long Count);

/// <summary>Gives batches without end, from a position that can be kept.</summary>
public interface IBatchLoader : IDisposable
{
    /// <summary>Where it stands: after the last batch given out, however many are prepared ahead.</summary>
    LoaderState State { get; }

    /// <summary>Passes over the data so far, with fraction.</summary>
    double Epochs { get; }

    /// <summary>How long <see cref="NextBatch"/> has waited in all for batches that were not ready.</summary>
    TimeSpan Waited { get; }

    /// <summary>The next batch.</summary>
    Batch NextBatch();
}

/// <summary>
/// Examples in a random order that depends on seed and epoch alone. One endless stream: a batch may reach into the next epoch.
/// </summary>
public sealed class BatchLoader : IBatchLoader
{
    private readonly IExamples _examples;
    private readonly ICollator _collator;
    private readonly int _rows;
    private Permutation _order;

    /// <summary>Starts at the beginning, or where <paramref name="state"/> was taken.</summary>
    /// <exception cref="DataException">The data is shorter than one window, or not the data of <paramref name="state"/>.</exception>
    public BatchLoader(IExamples examples, ICollator collator, int rows, LoaderState state)
    {
        (_examples, _collator, _rows, State) = (examples, collator, rows, state);
        var (count, part) = (examples.Count(0), state.Parts[0]);
        if (part.Count != count)
            throw new DataException($"The checkpoint was at example {part.Index} of {part.Count}, the data now has {count}: " +
                "it changed since. Train on the same data and sequence_len, or start anew.");
        _order = Order(part.Epoch);
    }

    /// <summary>The beginning of these examples.</summary>
    /// <exception cref="DataException">There are none.</exception>
    public static LoaderState Beginning(IExamples examples, long seed) => examples.Count(0) is > 0 and var count
        ? new(seed, 0, [new(0, 0, count)])
        : throw new DataException("The text is too short for one window of data.sequence_len. Give more text, or lower it.");

    /// <inheritdoc/>
    public LoaderState State { get; private set; }

    /// <inheritdoc/>
    public double Epochs => State.Parts[0].Epoch + (double)State.Parts[0].Index / State.Parts[0].Count;

    /// <inheritdoc/>
    public TimeSpan Waited => TimeSpan.Zero;

    /// <inheritdoc/>
    public Batch NextBatch()
    {
        var examples = new Example[_rows];
        var part = State.Parts[0];
        for (var row = 0; row < _rows; row++)
        {
            if (part.Index == _order.Count)
            {
                part = part with { Epoch = part.Epoch + 1, Index = 0 };
                _order = Order(part.Epoch);
            }
            examples[row] = _examples.Read(_order[part.Index], part.Epoch);
            part = part with { Index = part.Index + 1 };
        }
        var batch = _collator.Collate(examples, SplitMix.Of(State.Seed, State.Batch));
        State = State with { Batch = State.Batch + 1, Parts = [part] };
        return batch;
    }

    /// <inheritdoc/>
    public void Dispose() { }

    private Permutation Order(long epoch) => new(_examples.Count(epoch), SplitMix.Of(State.Seed, -1, epoch));
}
