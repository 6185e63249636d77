namespace TransformerTorch.Text.Models;

/// <summary>Merges to be done in a long word, the lowest rank first, then the leftmost: a binary heap of packed numbers.</summary>
internal sealed class MergeQueue
{
    private ulong[] _heap = new ulong[64];
    private int _count;

    public static ulong Merge(int rank, int position) => (ulong)(uint)rank << 32 | (uint)position;

    public static int Rank(ulong merge) => (int)(merge >> 32);

    public static int Position(ulong merge) => (int)(uint)merge;

    public void Clear() => _count = 0;

    public void Enqueue(ulong merge)
    {
        if (_count == _heap.Length)
            Array.Resize(ref _heap, _count * 2);
        var at = _count++;
        for (int parent; at > 0 && _heap[parent = (at - 1) / 2] > merge; at = parent)
            _heap[at] = _heap[parent];
        _heap[at] = merge;
    }

    public bool TryDequeue(out ulong merge)
    {
        merge = _heap[0];
        if (_count == 0)
            return false;
        var last = _heap[--_count];
        var at = 0;
        while (true)
        {
            var child = at * 2 + 1;
            if (child >= _count)
                break;
            child += child + 1 < _count && _heap[child + 1] < _heap[child] ? 1 : 0;
            if (_heap[child] >= last)
                break;
            _heap[at] = _heap[child];
            at = child;
        }
        _heap[at] = last;
        return true;
    }
}
