using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Pipeline;

/// <summary>
/// Text on its way through the pipeline: UTF-8 and, for each byte, the range of the original's bytes that it stands for. While the
/// text is the original itself the ranges are implied: each byte stands for its character.
/// </summary>
internal sealed class AlignedText
{
    private byte[] _bytes = new byte[256];
    private int[] _from = [];
    private int[] _to = [];
    private bool _isOriginal = true;

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    public ReadOnlySpan<byte> Slice(int start, int end) => _bytes.AsSpan(start, end - start);

    /// <summary>Takes <paramref name="text"/> as the original; a lone surrogate becomes U+FFFD.</summary>
    public void SetOriginal(ReadOnlySpan<char> text)
    {
        _isOriginal = true;
        var needed = System.Text.Encoding.UTF8.GetMaxByteCount(text.Length);
        if (_bytes.Length < needed)
            _bytes = new byte[Math.Max(needed, _bytes.Length * 2)];
        Length = System.Text.Encoding.UTF8.GetBytes(text, _bytes);
    }

    /// <summary>Empties the text, to be written anew.</summary>
    public void Clear()
    {
        _isOriginal = false;
        Length = 0;
        if (_from.Length < _bytes.Length)
        {
            _from = new int[_bytes.Length];
            _to = new int[_bytes.Length];
        }
    }

    /// <summary>Takes back what was appended behind the first <paramref name="length"/> bytes.</summary>
    public void Truncate(int length) => Length = Math.Min(Length, length);

    /// <summary>Where in the original the character of byte <paramref name="at"/> begins.</summary>
    public int OriginalStart(int at)
    {
        if (!_isOriginal)
            return _from[at];
        while (Utf8.IsContinuation(_bytes[at]))
            at--;
        return at;
    }

    /// <summary>Where in the original the character of byte <paramref name="at"/> ends.</summary>
    public int OriginalEnd(int at)
    {
        if (!_isOriginal)
            return _to[at];
        at++;
        while (at < Length && Utf8.IsContinuation(_bytes[at]))
            at++;
        return at;
    }

    public void Append(ReadOnlySpan<byte> utf8, int from, int to)
    {
        Reserve(utf8.Length);
        utf8.CopyTo(_bytes.AsSpan(Length));
        _from.AsSpan(Length, utf8.Length).Fill(from);
        _to.AsSpan(Length, utf8.Length).Fill(to);
        Length += utf8.Length;
    }

    public void Append(int codePoint, int from, int to)
    {
        Reserve(4);
        var length = Utf8.Write(codePoint, _bytes.AsSpan(Length));
        _from.AsSpan(Length, length).Fill(from);
        _to.AsSpan(Length, length).Fill(to);
        Length += length;
    }

    /// <summary>Appends bytes of another text with what they stand for.</summary>
    public void AppendCopy(AlignedText source, int start, int end)
    {
        var length = end - start;
        Reserve(length);
        source._bytes.AsSpan(start, length).CopyTo(_bytes.AsSpan(Length));
        if (!source._isOriginal)
        {
            source._from.AsSpan(start, length).CopyTo(_from.AsSpan(Length));
            source._to.AsSpan(start, length).CopyTo(_to.AsSpan(Length));
            Length += length;
            return;
        }
        for (var at = start; at < end;)
        {
            var next = at + Utf8.LengthFromFirst(source._bytes[at]);
            for (var i = at; i < next; i++)
            {
                _from[Length] = at;
                _to[Length++] = next;
            }
            at = next;
        }
    }

    private void Reserve(int count)
    {
        if (Length + count <= _bytes.Length && _from.Length >= _bytes.Length)
            return;
        var size = Math.Max(checked(Length + count), (int)Math.Min(_bytes.Length * 2L, Array.MaxLength));
        Array.Resize(ref _bytes, size);
        Array.Resize(ref _from, size);
        Array.Resize(ref _to, size);
    }
}
