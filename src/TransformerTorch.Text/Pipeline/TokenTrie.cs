using System.Buffers;

namespace TransformerTorch.Text.Pipeline;

/// <summary>Finds the leftmost, then longest of many strings in UTF-8.</summary>
internal sealed class TokenTrie
{
    private readonly Dictionary<long, int> _children = [];
    private readonly List<int> _values = [-1];
    private readonly HashSet<byte> _first = [];
    private SearchValues<byte>? _starts;

    public bool IsEmpty => _first.Count == 0;

    public void Add(ReadOnlySpan<byte> token, int value)
    {
        var node = 0;
        foreach (var part in token)
        {
            var key = (long)node << 8 | part;
            if (!_children.TryGetValue(key, out var child))
            {
                child = _values.Count;
                _values.Add(-1);
                _children.Add(key, child);
            }
            node = child;
        }
        _values[node] = value;
        _first.Add(token[0]);
        _starts = null;
    }

    /// <summary>The next match at or behind <paramref name="from"/>.</summary>
    public bool Find(ReadOnlySpan<byte> text, int from, out int start, out int end, out int value)
    {
        _starts ??= SearchValues.Create([.. _first]);
        for (start = from; start < text.Length; start++)
        {
            var skip = text[start..].IndexOfAny(_starts);
            if (skip < 0)
                break;
            start += skip;
            (end, value) = Longest(text, start);
            if (value >= 0)
                return true;
        }
        (start, end, value) = (0, 0, -1);
        return false;
    }

    private (int End, int Value) Longest(ReadOnlySpan<byte> text, int start)
    {
        var best = (End: start, Value: -1);
        var node = 0;
        for (var at = start; at < text.Length && _children.TryGetValue((long)node << 8 | text[at], out node); at++)
        {
            if (_values[node] >= 0)
                best = (at + 1, _values[node]);
        }
        return best;
    }
}
