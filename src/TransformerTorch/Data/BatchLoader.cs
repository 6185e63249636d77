namespace TransformerTorch.Data;

/// <summary>Where a loader stands: all it needs to go on exactly.</summary>
/// <param name="Seed">Of the order.</param>
/// <param name="Epoch">Passes completed.</param>
/// <param name="Index">Windows of this pass already given out.</param>
/// <param name="Windows">Fingerprint of what it reads: windows of a pass that starts at 0.</param>
public sealed record LoaderState(long Seed, long Epoch, long Index, long Windows);

/// <summary>
/// Windows in a random order that depends on seed and epoch alone; each epoch also cuts the tokens at another offset. One endless stream:
/// a batch may reach into the next epoch. Reading copies from mapped memory, so nothing is fetched ahead and the position is exact.
/// </summary>
public sealed class BatchLoader
{
    private readonly PackedTokens _data;
    private long[] _order = [];
    private int _offset;
    private long _orderOf = -1;

    /// <summary>Starts at the beginning, or where <paramref name="state"/> was taken.</summary>
    /// <exception cref="DataException">The data is shorter than one window, or not the data of <paramref name="state"/>.</exception>
    public BatchLoader(PackedTokens data, long seed, LoaderState? state = null)
    {
        _data = data;
        if (data.Count(data.Length - 1) == 0)
            throw new DataException($"{data.File.Path}: {data.File.Count} tokens are too few for windows of {data.Length}. " +
                "Give more text, or lower data.sequence_len.");
        State = state ?? new(seed, 0, 0, data.Count());
        if (State.Windows != data.Count())
            throw new DataException($"The checkpoint was at window {State.Index} of {State.Windows}, the data now has {data.Count()}: " +
                "it changed since. Train on the same data and sequence_len, or start anew.");
    }

    /// <summary>Where it stands.</summary>
    public LoaderState State { get; private set; }

    /// <summary>Ids of a row: the window's inputs and the last target.</summary>
    public int Width => _data.Length + 1;

    /// <summary>Passes over the data so far, with fraction.</summary>
    public double Epochs => State.Epoch + (double)State.Index / State.Windows;

    /// <summary>The next windows, one after another: <paramref name="rows"/> * (length + 1) ids.</summary>
    public long[] Next(int rows)
    {
        var width = Width;
        var ids = new long[rows * width];
        for (var row = 0; row < rows; row++)
        {
            if (_orderOf != State.Epoch) Shuffle();
            if (State.Index == _order.Length)
            {
                State = State with { Epoch = State.Epoch + 1, Index = 0 };
                Shuffle();
            }
            _data.Read(_order[State.Index], _offset, ids.AsSpan(row * width, width));
            State = State with { Index = State.Index + 1 };
        }
        return ids;
    }

    // Fisher-Yates on a generator of our own: the same order on every runtime.
    private void Shuffle()
    {
        var random = new SplitMix(unchecked((ulong)State.Seed * 0x9E3779B97F4A7C15 + (ulong)State.Epoch));
        _offset = State.Epoch == 0 ? 0 : (int)random.Below((ulong)_data.Length);
        _order = new long[_data.Count(_offset)];
        for (var i = 0L; i < _order.Length; i++) _order[i] = i;
        for (var i = _order.Length - 1; i > 0; i--)
        {
            var j = (long)random.Below((ulong)i + 1);
            (_order[i], _order[j]) = (_order[j], _order[i]);
        }
        _orderOf = State.Epoch;
    }
}

/// <summary>SplitMix64 (Steele, Lea, Flood 2014): a small generator whose numbers never change between versions.</summary>
internal sealed class SplitMix(ulong state)
{
    private ulong _state = state;

    public ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Uniform in [0, bound): the high half of a 128-bit product, its bias below 2^-32 for any bound we meet.</summary>
    public ulong Below(ulong bound) => Math.BigMul(Next(), bound, out _);
}
