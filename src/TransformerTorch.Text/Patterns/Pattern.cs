namespace TransformerTorch.Text.Patterns;

/// <summary>Something that can be searched for in UTF-8.</summary>
internal abstract class Pattern
{
    /// <summary>The first match at or behind <paramref name="from"/>, which stands on a character.</summary>
    public abstract bool Find(ReadOnlySpan<byte> text, int from, out int start, out int end);
}
