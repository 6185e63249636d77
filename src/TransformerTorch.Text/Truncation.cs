namespace TransformerTorch.Text;

/// <summary>Which text of a pair is cut.</summary>
public enum TruncationStrategy
{
    /// <summary>The longer one, until both fit.</summary>
    LongestFirst,

    /// <summary>The first.</summary>
    OnlyFirst,

    /// <summary>The second.</summary>
    OnlySecond,
}

/// <summary>At which end something is done.</summary>
public enum Side
{
    /// <summary>At the beginning.</summary>
    Left,

    /// <summary>At the end.</summary>
    Right,
}

/// <summary>
/// Cutting to a length; what is cut off becomes <see cref="Encoding.Overflowing"/>, as far as the text was read: see
/// <see cref="ReadsAll"/>.
/// </summary>
/// <param name="MaxLength">Tokens that remain, the post-processor's included.</param>
public sealed record Truncation(int MaxLength)
{
    /// <summary>Tokens of text that neighbouring parts share.</summary>
    public int Stride { get; init; }

    /// <summary>Which text of a pair is cut.</summary>
    public TruncationStrategy Strategy { get; init; }

    /// <summary>Where tokens are cut off.</summary>
    public Side Side { get; init; } = Side.Right;

    /// <summary>Whether a text is read to its end, so that all of it overflows, and not only as far as the reference needs.</summary>
    public bool ReadsAll { get; init; }
}
