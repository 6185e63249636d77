namespace TransformerTorch.Text.Models;

/// <summary>
/// The symbols of one word while pairs are merged: a linked list in arrays. Short words are searched, long ones keep a heap.
/// </summary>
internal sealed class SymbolList
{
    private const int LongWord = 48;

    // Merging one word takes some 70 bytes a symbol, so a word without end would take all memory.
    private const int MaxSymbols = 1 << 24;

    private struct Symbol
    {
        public int Id;
        public int Length; // bytes of the word; 0 once merged into the symbol before
        public int Previous;
        public int Next;
    }

    private readonly MergeQueue _queue = new();
    private readonly List<ulong> _skipped = [];
    private Symbol[] _symbols = new Symbol[64];
    private int[] _ranks = new int[64];
    private int[] _merged = new int[64];
    private int _count;

    public void Clear() => _count = 0;

    public void Add(int id, int length)
    {
        if (_count == MaxSymbols)
            throw new TokenizerException($"more than {MaxSymbols} symbols of text without a place to cut; give it in shorter texts");
        if (_count == _symbols.Length)
            Array.Resize(ref _symbols, _count * 2);
        _symbols[_count] = new Symbol { Id = id, Length = length, Previous = _count - 1, Next = _count + 1 };
        _count++;
    }

    /// <summary>
    /// Merges the pair of lowest rank, the leftmost first, until none is left; with dropout, each attempt may be put off.
    /// </summary>
    public void Merge(MergeTable merges, float dropout, Random? random)
    {
        if (_count < 2)
            return;
        if (dropout > 0)
            MergeByQueue(merges, dropout, random ?? Random.Shared);
        else if (_count > LongWord)
            MergeByQueue(merges, dropout: 0, random: null);
        else
            MergeBySearch(merges);
    }

    public void CopyTo(TokenSink sink)
    {
        var left = 0;
        for (var i = 0; i < _count; i++)
            left += _symbols[i].Length == 0 ? 0 : 1;
        sink.Reserve(sink.Count + left);
        var start = 0;
        for (var i = 0; i < _count; i++)
        {
            if (_symbols[i].Length == 0)
                continue;
            sink.Add(_symbols[i].Id, start, start + _symbols[i].Length);
            start += _symbols[i].Length;
        }
    }

    private void MergeBySearch(MergeTable merges)
    {
        if (_ranks.Length < _symbols.Length)
        {
            _ranks = new int[_symbols.Length];
            _merged = new int[_symbols.Length];
        }
        var symbols = _symbols.AsSpan(0, _count);
        var count = _count;
        for (var i = 0; i + 1 < count; i++)
            _ranks[i] = merges.Rank(symbols[i].Id, symbols[i + 1].Id, out _merged[i]);
        while (count > 1)
        {
            var best = 0;
            for (var i = 1; i + 1 < count; i++)
            {
                if (_ranks[i] < _ranks[best])
                    best = i;
            }
            if (_ranks[best] == MergeTable.None)
                break;
            symbols[best].Id = _merged[best];
            symbols[best].Length += symbols[best + 1].Length;
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            var moved = count - best - 2;
            _ranks.AsSpan(best + 1, moved).CopyTo(_ranks.AsSpan(best));
            _merged.AsSpan(best + 1, moved).CopyTo(_merged.AsSpan(best));
            count--;
            if (best + 1 < count)
                _ranks[best] = merges.Rank(symbols[best].Id, symbols[best + 1].Id, out _merged[best]);
            if (best > 0)
                _ranks[best - 1] = merges.Rank(symbols[best - 1].Id, symbols[best].Id, out _merged[best - 1]);
        }
        _count = count;
    }

    private void MergeByQueue(MergeTable merges, float dropout, Random? random)
    {
        _queue.Clear();
        _skipped.Clear();
        for (var i = 0; i + 1 < _count; i++)
            Enqueue(merges, i, i + 1);
        while (_queue.TryDequeue(out var merge))
        {
            if (random is not null && random.NextSingle() < dropout)
            {
                _skipped.Add(merge);
                continue;
            }
            foreach (var skipped in _skipped)
                _queue.Enqueue(skipped);
            _skipped.Clear();
            MergeAt(merges, MergeQueue.Position(merge), MergeQueue.Rank(merge));
        }
    }

    private void MergeAt(MergeTable merges, int position, int expectedRank)
    {
        ref var symbol = ref _symbols[position];
        if (symbol.Length == 0 || symbol.Next >= _count)
            return;
        ref var right = ref _symbols[symbol.Next];
        // The symbols may have changed since this merge was put in the queue.
        if (merges.Rank(symbol.Id, right.Id, out var merged) != expectedRank)
            return;
        symbol.Id = merged;
        symbol.Length += right.Length;
        right.Length = 0;
        symbol.Next = right.Next;
        if (symbol.Next < _count)
        {
            _symbols[symbol.Next].Previous = position;
            Enqueue(merges, position, symbol.Next);
        }
        if (symbol.Previous >= 0)
            Enqueue(merges, symbol.Previous, position);
    }

    private void Enqueue(MergeTable merges, int left, int right)
    {
        var rank = merges.Rank(_symbols[left].Id, _symbols[right].Id, out _);
        if (rank != MergeTable.None)
            _queue.Enqueue(MergeQueue.Merge(rank, left));
    }
}
