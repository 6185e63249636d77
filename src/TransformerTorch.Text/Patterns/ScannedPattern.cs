namespace TransformerTorch.Text.Patterns;

/// <summary>A pattern to which every character belongs, so that a match begins wherever the last one ended.</summary>
internal abstract class ScannedPattern : Pattern
{
    public sealed override bool Find(ReadOnlySpan<byte> text, int from, out int start, out int end)
    {
        (start, end) = (from, from);
        if (from >= text.Length)
            return false;
        end = End(text, from);
        return true;
    }

    /// <summary>Where the match that begins at <paramref name="from"/> ends.</summary>
    protected abstract int End(ReadOnlySpan<byte> text, int from);
}
