namespace TransformerTorch.Data;

/// <summary>
/// A random order of [0, count) that needs no memory: four rounds of a Feistel network over the next even number of bits, walked until the
/// value is in range (Black and Rogaway, 2002).
/// </summary>
public sealed class Permutation
{
    private const int Rounds = 4;
    private readonly int _half;
    private readonly ulong _mask;
    private readonly ulong[] _keys = new ulong[Rounds];

    /// <summary>The order that a generator draws.</summary>
    public Permutation(long count, SplitMix random)
    {
        Count = count;
        while (1UL << (2 * _half) < (ulong)count) _half++;
        _mask = (1UL << _half) - 1;
        for (var i = 0; i < Rounds; i++) _keys[i] = random.Next();
    }

    /// <summary>How many.</summary>
    public long Count { get; }

    /// <summary>What stands at a place.</summary>
    public long this[long place]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)place, (ulong)Count, nameof(place));
            var value = (ulong)place;
            do value = Round(value); while (value >= (ulong)Count);     // at most four walks on average
            return (long)value;
        }
    }

    private ulong Round(ulong value)
    {
        var (left, right) = (value >> _half, value & _mask);
        foreach (var key in _keys) (left, right) = (right, left ^ (new SplitMix(key ^ right).Next() & _mask));
        return (left << _half) | right;
    }
}
