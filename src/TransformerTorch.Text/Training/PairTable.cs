using System.Numerics;

namespace TransformerTorch.Text.Training;

/// <summary>Pairs of ids, numbered as they come, with their counts and the words where they newly occur.</summary>
internal sealed class PairTable
{
    private ulong[] _keys = new ulong[1 << 12];
    private int[] _slots = new int[1 << 13];
    private long[] _counts = new long[1 << 12];
    private List<int>?[] _positions = new List<int>?[1 << 12];
    private readonly List<int> _touched = [];

    public int Count { get; private set; }

    public (int Left, int Right) Pair(int index) => ((int)(_keys[index] >> 32), (int)(uint)_keys[index]);

    public ulong Key(int index) => _keys[index];

    public long Frequency(int index) => _counts[index];

    /// <summary>Changes the count of a pair; where it rises, the word is remembered.</summary>
    public void Change(int left, int right, long change, int word)
    {
        var index = FindOrAdd((ulong)(uint)left << 32 | (uint)right);
        _counts[index] += change;
        if (change <= 0)
            return;
        var positions = _positions[index];
        if (positions is null)
        {
            _positions[index] = positions = [];
            _touched.Add(index);
        }
        if (positions.Count == 0 || positions[^1] != word)
            positions.Add(word);
    }

    /// <summary>The pairs whose count rose since the last call, and the words where it did.</summary>
    public IEnumerable<(int Index, List<int> Words)> TakeRisen()
    {
        foreach (var index in _touched)
        {
            yield return (index, _positions[index]!);
            _positions[index] = null;
        }
        _touched.Clear();
    }

    private int FindOrAdd(ulong key)
    {
        var slot = Slot(key);
        if (_slots[slot] != 0)
            return _slots[slot] - 1;
        if (Count == _keys.Length)
        {
            Array.Resize(ref _keys, Count * 2);
            Array.Resize(ref _counts, Count * 2);
            Array.Resize(ref _positions, Count * 2);
        }
        _keys[Count] = key;
        _slots[slot] = ++Count;
        if (Count * 2 > _slots.Length)
        {
            _slots = new int[_slots.Length * 2];
            for (var index = 0; index < Count; index++)
                _slots[Slot(_keys[index])] = index + 1;
        }
        return Count - 1;
    }

    private int Slot(ulong key)
    {
        var mask = _slots.Length - 1;
        var slot = (int)(key * 0x9E3779B97F4A7C15 >> 64 - BitOperations.Log2((uint)_slots.Length));
        while (_slots[slot] != 0 && _keys[_slots[slot] - 1] != key)
            slot = slot + 1 & mask;
        return slot;
    }
}
