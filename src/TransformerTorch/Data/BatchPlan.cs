namespace TransformerTorch.Data;

/// <summary>An example that is to be read.</summary>
internal readonly record struct ExampleReference(int Part, long Index, long Epoch, int Length);

/// <summary>The rows of a batch, each of one example or of several that are packed, and the position after it.</summary>
/// <param name="Rows">the rows</param>
/// <param name="Position">before it</param>
/// <param name="After">after it</param>
/// <param name="Given">examples given out after the beginning of the chunk that <paramref name="After"/> stands in</param>
internal sealed record BatchPlan(ExampleReference[][] Rows, LoaderState Position, LoaderState After, long Given);

/// <summary>
/// Decides which examples make up which batch, without reading them. Each pass over a source has an order that depends on seed and epoch
/// alone. Examples are drawn in chunks; a chunk is sorted, packed and cut into batches by itself, so that a position is its beginning
/// and the number of batches given out.
/// </summary>
internal sealed class BatchPlanner
{
    private const int BatchesInChunk = 64;
    private readonly IReadOnlyList<LoaderPart> _parts;
    private readonly LoaderOptions _options;
    private readonly Permutation[] _orders;
    private readonly Queue<BatchPlan> _ready = new();
    private LoaderState _state;

    public BatchPlanner(IReadOnlyList<LoaderPart> parts, LoaderOptions options, LoaderState state)
    {
        (_parts, _options, _state) = (parts, options, state with { Within = 0 });
        _orders = [.. state.Parts.Select((position, part) => Order(part, position.Epoch))];
        for (var skipped = 0; skipped < state.Within; skipped++) Given = Next().Given;
    }

    /// <summary>Examples between the beginning of the chunk that planning began in, and the position there.</summary>
    public long Given { get; }

    public BatchPlan Next()
    {
        while (_ready.Count == 0) PlanChunk();
        return _ready.Dequeue();
    }

    private bool Arranges => _options.GroupByLength || _options.PackedLength > 0 || _options.MaxTokens > 0;

    private void PlanChunk()
    {
        var (begin, random) = (_state, SplitMix.Of(_state.Seed, -2, _state.Chunk));
        PartPosition[] positions = [.. begin.Parts];
        var drawn = new ExampleReference[_options.Rows * (Arranges ? BatchesInChunk : 1)];
        for (var i = 0; i < drawn.Length; i++) drawn[i] = Draw(positions, random);
        _state = begin with { Chunk = begin.Chunk + 1, Parts = positions };

        var batches = Batches(Packed(drawn));
        if (_options.GroupByLength) random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(batches));
        var given = 0L;
        for (var i = 0; i < batches.Count; i++)
        {
            given += batches[i].Sum(row => row.Length);
            _ready.Enqueue(i + 1 < batches.Count ? new(batches[i], begin with { Within = i }, begin with { Within = i + 1 }, given)
                : new(batches[i], begin with { Within = i }, _state, Given: 0));
        }
    }

    private ExampleReference Draw(PartPosition[] positions, SplitMix random)
    {
        var part = 0;
        if (_parts.Count > 1)
            for (var left = random.NextDouble() * _parts.Sum(p => p.Weight); part < _parts.Count - 1; part++)
                if ((left -= _parts[part].Weight) < 0) break;
        var position = positions[part];
        if (position.Index == _orders[part].Count)
        {
            position = position with { Epoch = position.Epoch + 1, Index = 0 };
            _orders[part] = Order(part, position.Epoch);
        }
        var index = _orders[part][position.Index];
        positions[part] = position with { Index = position.Index + 1 };
        return new(part, index, position.Epoch, Arranges ? _parts[part].Examples.Length(index, position.Epoch) : 0);
    }

    // Best fit, the longest first: each example goes where it leaves least room.
    private List<ExampleReference[]> Packed(ExampleReference[] drawn)
    {
        if (_options.PackedLength == 0) return [.. drawn.Select(one => new[] { one })];
        var rows = new List<(List<ExampleReference> Examples, int Place)>();
        var room = new SortedSet<(int Room, int Row)>();
        foreach (var (one, place) in drawn.Select((one, place) => (one, place)).OrderByDescending(d => d.one.Length))
        {
            var fitting = room.GetViewBetween((one.Length, -1), (int.MaxValue, int.MaxValue)).Min;
            if (fitting == default)
            {
                fitting = (_options.PackedLength, rows.Count);
                rows.Add(([], place));
            }
            room.Remove(fitting);
            rows[fitting.Row].Examples.Add(one);
            if (fitting.Room > one.Length) room.Add((fitting.Room - one.Length, fitting.Row));
        }
        return [.. rows.OrderBy(row => row.Place).Select(row => row.Examples.ToArray())];      // in the order of drawing again
    }

    private List<ExampleReference[][]> Batches(List<ExampleReference[]> rows)
    {
        if (_options.GroupByLength) rows = [.. rows.OrderBy(row => row.Sum(one => one.Length))];
        var (batches, batch, longest) = (new List<ExampleReference[][]>(), new List<ExampleReference[]>(), 0);
        foreach (var row in rows)
        {
            var length = Math.Max(longest, row.Sum(one => one.Length));
            var over = _options.MaxTokens > 0 && (batch.Count + 1L) * length > _options.MaxTokens;
            if (batch.Count > 0 && (over || batch.Count == _options.Rows))
            {
                batches.Add([.. batch]);
                batch.Clear();
                length = row.Sum(one => one.Length);
            }
            batch.Add(row);
            longest = length;
        }
        if (batch.Count > 0) batches.Add([.. batch]);
        return batches;
    }

    private Permutation Order(int part, long epoch)
        => new(_parts[part].Examples.Count(epoch), SplitMix.Of(_state.Seed, -1, part, epoch));
}
