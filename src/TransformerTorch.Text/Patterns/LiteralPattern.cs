using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Patterns;

/// <summary>A text that is found as it is; the empty one matches everywhere.</summary>
internal sealed class LiteralPattern(string literal) : Pattern
{
    private readonly byte[] _bytes = Utf8.Bytes(literal);

    public override bool Find(ReadOnlySpan<byte> text, int from, out int start, out int end)
    {
        var at = text[from..].IndexOf(_bytes);
        (start, end) = (from + at, from + at + _bytes.Length);
        return at >= 0;
    }
}
