namespace TransformerTorch.Generation;

/// <summary>Prompts as one batch, padded to the longest.</summary>
/// <param name="Ids">(B, T) row by row</param>
/// <param name="Mask">(B, T), 1 for a token and 0 for padding</param>
/// <param name="Seen">what rules about repetition see of each prompt</param>
internal sealed record PromptBatch(long[] Ids, long[] Mask, IReadOnlyList<IReadOnlyList<int>> Seen)
{
    /// <summary>B.</summary>
    public int Count => Seen.Count;

    /// <summary>T.</summary>
    public int Width => Ids.Length / Count;

    /// <summary>Pads on the left, so that all end together and a decoder can continue them.</summary>
    public static PromptBatch ToContinue(IReadOnlyList<IReadOnlyList<int>> prompts) => Of(prompts, (width, length) => width - length);

    /// <summary>Pads on the right, so that all begin together and an encoder finds each where it would be alone.</summary>
    public static PromptBatch ToRead(IReadOnlyList<IReadOnlyList<int>> prompts) => Of(prompts, (_, _) => 0);

    private static PromptBatch Of(IReadOnlyList<IReadOnlyList<int>> prompts, Func<int, int, int> begin)
    {
        var (B, T) = (prompts.Count, prompts.Max(p => p.Count));
        var (ids, mask) = (new long[B * T], new long[B * T]);
        for (var row = 0; row < B; row++)
        {
            for (var i = 0; i < prompts[row].Count; i++)
            {
                var at = (row * T) + begin(T, prompts[row].Count) + i;
                (ids[at], mask[at]) = (prompts[row][i], 1);
            }
        }
        return new PromptBatch(ids, mask, prompts);
    }

    /// <summary>A batch that is padded already. As in the reference, rules about repetition see the padding too.</summary>
    public static PromptBatch Padded(long[] ids, long[] mask, int width)
        => new(ids, mask, [.. ids.Chunk(width).Select(row => (IReadOnlyList<int>)Array.ConvertAll(row, id => (int)id))]);
}
