using System.Buffers;
using TransformerTorch.Text.Models;

namespace TransformerTorch.Text.Pipeline;

/// <summary>Finds the leftmost, then longest of many strings in UTF-8.</summary>
internal sealed class TokenTrie
{
    private readonly ByteTrie _trie = new();
    private readonly SortedSet<byte> _first = [];
    private SearchValues<byte> _starts = SearchValues.Create(ReadOnlySpan<byte>.Empty);

    public void Add(ReadOnlySpan<byte> token, int value)
    {
        _trie.Add(token, value);
        if (_first.Add(token[0]))
            _starts = SearchValues.Create([.. _first]);
    }

    /// <summary>The next match at or behind <paramref name="from"/>.</summary>
    public bool Find(ReadOnlySpan<byte> text, int from, out int start, out int end, out int value)
    {
        for (start = from; start < text.Length; start++)
        {
            var skip = text[start..].IndexOfAny(_starts);
            if (skip < 0)
                break;
            start += skip;
            (var length, value) = _trie.Longest(text[start..]);
            end = start + length;
            if (value >= 0)
                return true;
        }
        (start, end, value) = (0, 0, -1);
        return false;
    }
}
