using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Training;

/// <summary>
/// Merges the most frequent pair, again and again; of equally frequent pairs the one of lower ids. Counts are kept up to date word by
/// word, and a queue holds each pair with the words where it occurs; an entry whose count has fallen goes back with the new one.
/// </summary>
internal sealed class PairLearner
{
    private readonly record struct Priority(long Count, ulong Pair) : IComparable<Priority>
    {
        public int CompareTo(Priority other) => Count != other.Count ? other.Count.CompareTo(Count) : Pair.CompareTo(other.Pair);
    }

    private readonly BytePairTrainer _options;
    private readonly WordCounts _words;
    private readonly IProgress<TrainingProgress>? _progress;
    private readonly ByteStrings _tokens = new();
    private readonly List<int> _lengths = []; // in characters, by token
    private readonly PairTable _pairs = new();
    private readonly PriorityQueue<(int Pair, List<int> Words), Priority> _queue = new();
    private readonly List<(int Left, int Right, int Merged)> _merges = [];
    private int[] _symbols = [];
    private int[] _starts = []; // of each word in the symbols
    private int[] _ends = [];
    private long[] _counts = [];

    public PairLearner(BytePairTrainer options, WordCounts words, IProgress<TrainingProgress>? progress)
    {
        (_options, _words, _progress) = (options, words, progress);
    }

    public Vocabulary Vocabulary()
    {
        var vocabulary = new Vocabulary(_tokens.Count);
        for (var id = 0; id < _tokens.Count; id++)
            vocabulary.Add(_tokens[id], id);
        return vocabulary;
    }

    public MergeTable Merges()
    {
        var table = new MergeTable(_merges.Count);
        for (var rank = 0; rank < _merges.Count; rank++)
            table.Add(_merges[rank].Left, _merges[rank].Right, rank, _merges[rank].Merged);
        return table;
    }

    public void Run()
    {
        foreach (var token in _options.SpecialTokens)
            Token(Utf8.Bytes(token));
        var alphabet = AddAlphabet();
        SpellWords(alphabet);
        CountPairs();
        while (_tokens.Count < _options.VocabularySize && _queue.TryDequeue(out var top, out var priority))
        {
            var count = _pairs.Frequency(top.Pair);
            if (count != priority.Count)
            {
                if (count > 0)
                    _queue.Enqueue(top, priority with { Count = count });
                continue;
            }
            if (count < Math.Max(1, _options.MinFrequency))
                break;
            Merge(top.Pair, top.Words);
            if ((_merges.Count & 255) == 0)
                _progress?.Report(new TrainingProgress("merging pairs", _tokens.Count, _options.VocabularySize));
        }
        _progress?.Report(new TrainingProgress("merging pairs", _tokens.Count, _tokens.Count));
    }

    private int Token(ReadOnlySpan<byte> text, int length = 1)
    {
        var id = _tokens.FindOrAdd(text);
        if (id == _lengths.Count)
            _lengths.Add(length);
        return id;
    }

    /// <summary>Characters in ascending order get the next ids.</summary>
    private Dictionary<int, int> AddAlphabet()
    {
        var counts = new Dictionary<int, long>();
        for (var word = 0; word < _words.Count; word++)
        {
            var text = _words.Word(word);
            for (var at = 0; at < text.Length;)
            {
                var codePoint = Utf8.Next(text, ref at);
                counts[codePoint] = counts.GetValueOrDefault(codePoint) + _words.Frequency(word);
            }
        }
        foreach (var character in _options.InitialAlphabet ?? [])
        {
            if (character.Length > 0)
                counts[System.Text.Rune.GetRuneAt(character, 0).Value] = long.MaxValue;
        }
        var kept = counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key)
            .Take(_options.LimitAlphabet ?? counts.Count).Select(pair => pair.Key).Order();
        var ids = new Dictionary<int, int>();
        var buffer = new byte[4];
        foreach (var codePoint in kept)
            ids[codePoint] = Token(buffer.AsSpan(0, Utf8.Write(codePoint, buffer)));
        return ids;
    }

    /// <summary>Words become rows of ids; characters outside the alphabet are left out.</summary>
    private void SpellWords(Dictionary<int, int> alphabet)
    {
        var order = _words.InOrder();
        var symbols = new List<int>();
        _starts = new int[order.Length];
        _ends = new int[order.Length];
        _counts = new long[order.Length];
        for (var row = 0; row < order.Length; row++)
        {
            _starts[row] = symbols.Count;
            _counts[row] = _words.Frequency(order[row]);
            var text = _words.Word(order[row]);
            for (var at = 0; at < text.Length;)
            {
                var first = at == 0;
                if (alphabet.TryGetValue(Utf8.Next(text, ref at), out var id))
                    symbols.Add(Affixed(id, first, at == text.Length));
            }
            _ends[row] = symbols.Count;
        }
        _symbols = [.. symbols];
    }

    private int Affixed(int id, bool isFirst, bool isLast)
    {
        var prefix = isFirst ? null : _options.ContinuingSubwordPrefix;
        var suffix = isLast ? _options.EndOfWordSuffix : null;
        return prefix is null && suffix is null ? id : Token(Utf8.Bytes(prefix + Utf8.Text(_tokens[id]) + suffix));
    }

    private void CountPairs()
    {
        for (var row = 0; row < _starts.Length; row++)
        {
            for (var i = _starts[row]; i + 1 < _ends[row]; i++)
                _pairs.Change(_symbols[i], _symbols[i + 1], _counts[row], row);
        }
        EnqueueRisen();
    }

    private void EnqueueRisen()
    {
        foreach (var (pair, words) in _pairs.TakeRisen())
        {
            if (_pairs.Frequency(pair) > 0)
                _queue.Enqueue((pair, words), new Priority(_pairs.Frequency(pair), _pairs.Key(pair)));
        }
    }

    private void Merge(int pair, List<int> words)
    {
        var (left, right) = _pairs.Pair(pair);
        var merged = Token(Joined(left, right), _lengths[left] + _lengths[right]);
        _merges.Add((left, right, merged));
        foreach (var row in words)
            MergeInWord(row, left, right, merged);
        EnqueueRisen();
    }

    private byte[] Joined(int left, int right)
    {
        var tail = _tokens[right];
        if (_options.ContinuingSubwordPrefix is { } prefix && tail.StartsWith(Utf8.Bytes(prefix)))
            tail = tail[Utf8.Bytes(prefix).Length..];
        return [.. _tokens[left], .. tail];
    }

    private void MergeInWord(int row, int left, int right, int merged)
    {
        var symbols = _symbols.AsSpan(_starts[row], _ends[row] - _starts[row]);
        var (kept, count) = (0, _counts[row]);
        for (var i = 0; i < symbols.Length; i++)
        {
            if (symbols[i] != left || i + 1 == symbols.Length || symbols[i + 1] != right)
            {
                symbols[kept++] = symbols[i];
                continue;
            }
            if (kept > 0)
            {
                _pairs.Change(symbols[kept - 1], left, -count, row);
                if (MayJoin(symbols[kept - 1], merged))
                    _pairs.Change(symbols[kept - 1], merged, count, row);
            }
            symbols[kept++] = merged;
            i++;
            if (i + 1 < symbols.Length)
            {
                _pairs.Change(right, symbols[i + 1], -count, row);
                if (MayJoin(symbols[i + 1], merged))
                    _pairs.Change(merged, symbols[i + 1], count, row);
            }
        }
        _ends[row] = _starts[row] + kept;
    }

    private bool MayJoin(int a, int b) => _options.MaxTokenLength is null || _lengths[a] + _lengths[b] < _options.MaxTokenLength;
}
