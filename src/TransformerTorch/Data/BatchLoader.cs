namespace TransformerTorch.Data;

/// <summary>
/// Batches in a random order, made ahead on other threads. One endless stream: a batch may reach into the next pass. What is given out
/// depends on the data, the options and the position alone, never on threads.
/// </summary>
public sealed class BatchLoader : IBatchLoader
{
    private readonly IReadOnlyList<LoaderPart> _parts;
    private readonly ICollator _collator;
    private readonly LoaderOptions _options;
    private readonly BatchPlanner _planner;
    private readonly Queue<(Task<Batch> Batch, BatchPlan Plan)> _ahead = new();
    private long _given;     // examples since the beginning of the chunk that State stands in

    /// <summary>Starts at the beginning (<see cref="Beginning"/>), or where <paramref name="state"/> was taken.</summary>
    /// <exception cref="DataException">The data is not that of <paramref name="state"/>.</exception>
    public BatchLoader(IReadOnlyList<LoaderPart> parts, ICollator collator, LoaderOptions options, LoaderState state)
    {
        (_parts, _collator, _options, State) = (parts, collator, options, state);
        if (state.Parts.Count != parts.Count)
            throw new DataException($"The checkpoint's data had {state.Parts.Count} parts, there are now {parts.Count}. {Unchanged}");
        foreach (var (position, part) in state.Parts.Zip(parts))
        {
            if (position.Count == part.Examples.Count(0)) continue;
            throw new DataException($"The checkpoint was at example {position.Index} of {position.Count}, the data now has " +
                $"{part.Examples.Count(0)}: it changed since. {Unchanged}");
        }
        _planner = new(parts, options, state);
        _given = _planner.Given;
    }

    /// <summary>The beginning of these parts.</summary>
    /// <exception cref="DataException">One has no example.</exception>
    public static LoaderState Beginning(IReadOnlyList<LoaderPart> parts, long seed) => new(seed, 0, 0, [.. parts.Select(part =>
        part.Examples.Count(0) is > 0 and var count ? new PartPosition(0, 0, count)
        : throw new DataException("The text is too short for one window of data.sequence_len. Give more text, or lower it."))]);

    private static string Unchanged => "Train on the same data and sequence_len, or start anew.";

    /// <inheritdoc/>
    public LoaderState State { get; private set; }

    /// <inheritdoc/>
    public double Epochs
        => (double)(State.Parts.Sum(part => part.Epoch * part.Count + part.Index) + _given) / State.Parts.Sum(part => part.Count);

    /// <inheritdoc/>
    public double BatchesPerEpoch
    {
        get
        {
            var examples = _parts.Sum(part => part.Examples.Count(0));
            if (_options is { PackedLength: 0, MaxTokens: 0 }) return (double)examples / _options.Rows;
            var mean = MeanLength();
            var rows = _options.PackedLength > 0 ? Math.Ceiling(examples * mean / _options.PackedLength) : examples;
            var tokens = _options.PackedLength > 0 ? _options.PackedLength : mean;
            return Math.Max(rows / _options.Rows, _options.MaxTokens > 0 ? rows * tokens / _options.MaxTokens : 0);
        }
    }

    /// <inheritdoc/>
    public Batch NextBatch()
    {
        do
        {
            var plan = _planner.Next();
            _ahead.Enqueue((_options.Prefetch == 0 ? Task.FromResult(Make(plan)) : Task.Run(() => Make(plan)), plan));
        }
        while (_ahead.Count <= _options.Prefetch);
        var (batch, given) = _ahead.Dequeue();
        (State, _given) = (given.After, given.Given);
        return batch.GetAwaiter().GetResult();
    }

    /// <summary>Waits for the batches that are still being made: they read the data.</summary>
    public void Dispose()
    {
        foreach (var (batch, _) in _ahead) ((IAsyncResult)batch).AsyncWaitHandle.WaitOne();
        _ahead.Clear();
    }

    private Batch Make(BatchPlan plan)
    {
        var random = SplitMix.Of(plan.Position.Seed, plan.Position.Chunk, plan.Position.Within);
        Example Read(ExampleReference one) => _collator.Finished(_parts[one.Part].Examples.Read(one.Index, one.Epoch), random);
        return _collator.Collate(
            [.. plan.Rows.Select(row => _options.PackedLength > 0 ? Example.Packed([.. row.Select(Read)]) : Read(row[0]))]);
    }

    private double MeanLength()
    {
        var sample = _parts.SelectMany(part => Enumerable.Range(0, 1000).Select(i => i * part.Examples.Count(0) / 1000).Distinct()
            .Select(i => (double)part.Examples.Length(i, epoch: 0)));
        return sample.Average();
    }
}
