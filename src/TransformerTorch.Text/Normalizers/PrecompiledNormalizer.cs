using System.Buffers.Binary;
using System.Text.Json;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>
/// SentencePiece's rewriting table: a double-array trie over UTF-8 whose values are places among the replacements, which end in zeros
/// (google/sentencepiece, normalizer.cc; the trie is Darts'). Short clusters are looked up whole, others character by character.
/// </summary>
internal sealed class PrecompiledNormalizer : CharacterStep, INormalizer
{
    private const int MaxClusterLength = 5;

    private readonly byte[] _table;
    private readonly uint[] _trie;
    private readonly byte[] _replacements;

    /// <exception cref="TokenizerException">The table is cut short, or its replacements are not UTF-8.</exception>
    public PrecompiledNormalizer(byte[] table)
    {
        _table = table;
        var size = table.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(table);
        if (size == 0 || size % 4 != 0 || size > table.Length - 4)
            throw new TokenizerException("the table is cut short: its trie does not fit in it");
        _trie = new uint[size / 4];
        for (var i = 0; i < _trie.Length; i++)
            _trie[i] = BinaryPrimitives.ReadUInt32LittleEndian(table.AsSpan(4 + i * 4));
        _replacements = table[(4 + (int)size)..];
        if (!System.Text.Unicode.Utf8.IsValid(_replacements))
            throw new TokenizerException("the table's replacements are not UTF-8");
    }

    public byte[] Table => _table;

    protected override bool Leaves(ReadOnlySpan<byte> text)
    {
        // The usual tables leave printable ASCII alone; others are found out by looking.
        if (text.IndexOfAnyExceptInRange((byte)' ', (byte)'~') >= 0)
            return false;
        foreach (ref readonly var character in text)
        {
            if (Find(new ReadOnlySpan<byte>(in character), out _))
                return false;
        }
        return true;
    }

    protected override int Rewrite(ReadOnlySpan<byte> text, List<Change> changes)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = Graphemes.End(text, start);
            if (end - start > MaxClusterLength || !Replace(text[start..end], changes))
            {
                for (var at = start; at < end;)
                {
                    var character = text.Slice(at, Utf8.LengthFromFirst(text[at]));
                    if (!Replace(character, changes))
                        changes.Add(new Change(Utf8.Next(text, ref at), 0));
                    else
                        at += character.Length;
                }
            }
            start = end;
        }
        return 0;
    }

    private bool Replace(ReadOnlySpan<byte> old, List<Change> changes)
    {
        if (!Find(old, out var place))
            return false;
        var before = changes.Count;
        var rest = _replacements.AsSpan(place);
        var replacement = rest[..(rest.IndexOf((byte)0) is >= 0 and var length ? length : rest.Length)];
        for (var at = 0; at < replacement.Length;)
            changes.Add(new Change(Utf8.Next(replacement, ref at), 0));
        var difference = changes.Count - before - Utf8.CountCodePoints(old);
        for (var i = 0; i < difference; i++)
            changes[^(i + 1)] = changes[^(i + 1)] with { Shift = 1 };
        if (difference < 0 && changes.Count > 0)
            changes[^1] = changes[^1] with { Shift = changes[^1].Shift + difference };
        return true;
    }

    /// <summary>The place of the replacement for the shortest beginning of <paramref name="text"/> that has one.</summary>
    private bool Find(ReadOnlySpan<byte> text, out int place)
    {
        var matches = new TableMatches(this, text);
        matches.Next();
        place = matches.Place;
        return matches.Length > 0
            && (place == _replacements.Length || (place < _replacements.Length && !Utf8.IsContinuation(_replacements[place])));
    }

    /// <summary>The bytes of the longest beginning of <paramref name="text"/> that has a replacement, or 0.</summary>
    public int Longest(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement)
    {
        var (length, place) = (0, 0);
        for (var matches = new TableMatches(this, text); matches.Next();)
            (length, place) = (matches.Length, matches.Place);
        replacement = length > 0 && place < _replacements.Length ? _replacements.AsSpan(place) : default;
        if (replacement.IndexOf((byte)0) is >= 0 and var end)
            replacement = replacement[..end];
        return replacement.Length == 0 || !Utf8.IsContinuation(replacement[0]) ? length : 0;
    }

    /// <summary>The beginnings of a text that have a replacement, the shortest first.</summary>
    private ref struct TableMatches(PrecompiledNormalizer table, ReadOnlySpan<byte> text)
    {
        private readonly ReadOnlySpan<byte> _text = text;
        private readonly uint[] _trie = table._trie;
        private uint _node = Offset(table._trie[0]);
        private int _at;

        public int Length { get; private set; }

        public int Place { get; private set; }

        public bool Next()
        {
            while (_at < _text.Length)
            {
                var part = _text[_at++];
                _node ^= part;
                if (part == 0 || _node >= _trie.Length || (_trie[_node] & 0x800000FF) != part)
                    break;
                var unit = _trie[_node];
                _node ^= Offset(unit);
                if ((unit >> 8 & 1) == 0)
                    continue;
                (Length, Place) = (_at, _node < _trie.Length ? (int)(_trie[_node] & 0x7FFFFFFF) : int.MaxValue);
                return true;
            }
            _at = _text.Length;
            return false;
        }
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 1 << 9) >> 6);

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Precompiled");
        writer.WriteBase64String("precompiled_charsmap", _table);
        writer.WriteEndObject();
    }
}
