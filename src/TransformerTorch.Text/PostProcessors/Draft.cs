namespace TransformerTorch.Text.PostProcessors;

/// <summary>A text's tokens on their way through truncation, the post-processor and padding, and what was cut off.</summary>
internal sealed class Draft(Token[] tokens)
{
    private const int MaxCombinations = 1 << 16;

    public Token[] Tokens { get; private set; } = tokens;

    public List<Draft> Overflowing { get; private set; } = [];

    public void SetTypeIds(int typeId)
    {
        foreach (ref var token in Tokens.AsSpan())
            token.TypeId = typeId;
    }

    public Draft Copy() => new([.. Tokens]) { Overflowing = [.. Overflowing] };

    /// <summary>Puts special tokens around these and around each part that was cut off.</summary>
    public Draft Surround(Token[] before, Token[] behind)
    {
        foreach (ref var token in Tokens.AsSpan())
            token.IsSpecial = false;
        return new Draft([.. before, .. Tokens, .. behind])
        {
            Overflowing = [.. Overflowing.Select(part => part.Surround(before, behind))],
        };
    }

    /// <summary>
    /// This followed by another. What either lost is joined with the whole of the other, and with each part that it lost.
    /// </summary>
    public Draft Append(Draft other)
    {
        if (Overflowing.Count * (long)other.Overflowing.Count > MaxCombinations)
            throw new TokenizerException($"truncation: {Overflowing.Count} and {other.Overflowing.Count} parts make too many pairs");
        var overflowing = new List<Draft>();
        foreach (var part in Overflowing)
        {
            overflowing.Add(part.Append(other));
            overflowing.AddRange(other.Overflowing.Select(part.Append));
        }
        overflowing.AddRange(other.Overflowing.Select(Append));
        return new Draft([.. Tokens, .. other.Tokens]) { Overflowing = overflowing };
    }

    /// <summary>
    /// Cuts to <paramref name="length"/>; the rest becomes parts of that length, neighbours sharing <paramref name="stride"/> tokens.
    /// </summary>
    public void Truncate(int length, int stride, Side side)
    {
        if (length >= Tokens.Length)
            return;
        if (length == 0)
        {
            (Overflowing, Tokens) = ([new Draft(Tokens) { Overflowing = Overflowing }], []);
            return;
        }
        if (stride >= length)
            throw new TokenizerException($"truncation: the stride, {stride}, must be less than the tokens of text that remain, {length}");
        var parts = new List<Draft>();
        foreach (var range in Parts(Tokens.Length, length, stride, side))
            parts.Add(new Draft(Tokens[range]));
        Tokens = parts[0].Tokens;
        Overflowing = parts[1..];
    }

    private static IEnumerable<Range> Parts(int count, int length, int stride, Side side)
    {
        var step = length - stride;
        for (var taken = 0; ; taken += step)
        {
            var far = Math.Min(taken + length, count);
            yield return side == Side.Right ? taken..far : (count - far)..(count - taken);
            if (far == count)
                yield break;
        }
    }

    public void Pad(int length, Padding padding)
    {
        foreach (var part in Overflowing)
            part.Pad(length, padding);
        if (Tokens.Length >= length)
            return;
        var fill = new Token[length - Tokens.Length];
        Array.Fill(fill, new Token
        {
            Id = padding.Id, Value = padding.Token, TypeId = padding.TypeId, Word = -1, Sequence = -1, IsSpecial = true, IsPadding = true,
        });
        Tokens = padding.Side == Side.Right ? [.. Tokens, .. fill] : [.. fill, .. Tokens];
    }
}
