using System.Numerics;
using System.Runtime.CompilerServices;

namespace TransformerTorch.Text.Models;

/// <summary>Pair of ids -> rank and id of the merged token. A pair given twice keeps its last rank.</summary>
internal sealed class MergeTable
{
    public const int None = int.MaxValue;

    private struct Slot
    {
        public ulong Key; // the pair plus one in each half, so that zero is empty
        public int Rank;
        public int Merged;
    }

    private readonly Slot[] _slots;
    private readonly int _shift;

    public MergeTable(int capacity)
    {
        var size = BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity * 2L));
        _slots = new Slot[size];
        _shift = 64 - BitOperations.Log2(size);
    }

    public int Count { get; private set; }

    /// <summary>Adds a merge; the table was made for as many as there are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(int left, int right, int rank, int merged)
    {
        ref var slot = ref Find(left, right);
        Count += slot.Key == 0 ? 1 : 0;
        slot = new Slot { Key = Key(left, right), Rank = rank, Merged = merged };
    }

    /// <summary>The rank of merging the pair, or <see cref="None"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Rank(int left, int right, out int merged)
    {
        ref var slot = ref Find(left, right);
        merged = slot.Merged;
        return slot.Key == 0 ? None : slot.Rank;
    }

    /// <summary>The merges in ascending order of rank.</summary>
    public IEnumerable<(int Left, int Right)> InOrder() => _slots.Where(slot => slot.Key != 0).OrderBy(slot => slot.Rank)
        .Select(slot => ((int)(slot.Key >> 32) - 1, (int)(uint)slot.Key - 1));

    private static ulong Key(int left, int right) => (ulong)(uint)(left + 1) << 32 | (uint)(right + 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref Slot Find(int left, int right)
    {
        var key = Key(left, right);
        var mask = _slots.Length - 1;
        var at = (int)(key * 0x9E3779B97F4A7C15 >> _shift);
        while (_slots[at].Key != 0 && _slots[at].Key != key)
            at = at + 1 & mask;
        return ref _slots[at];
    }
}
