namespace TransformerTorch.Data.Collators;

/// <summary>
/// Texts, or pairs of segments, in which tokens are masked anew each time they are seen: framed as the tokenizer frames, padded at the end.
/// </summary>
/// <param name="masking">What is masked.</param>
/// <param name="tokens">What replaces it.</param>
/// <param name="framing">What stands around texts.</param>
/// <param name="padding">The id that fills rows up.</param>
public sealed class MaskedCollator(Masking masking, MaskTokens tokens, Framing framing, int padding) : ICollator
{
    /// <summary>Columns of examples beside their ids: which tokens begin words, and where the second segment begins.</summary>
    public const string WordStarts = "word_starts", Second = "second";

    private readonly PaddingCollator _rows = new(LabelKind.Tokens, padding);

    /// <inheritdoc/>
    public Example Finished(Example example, SplitMix random)
    {
        var (text, labels) = Mask(example, random);
        var columns = new Dictionary<string, int[]> { [Batch.Names.InputIds] = text.Ids, [Batch.Names.Labels] = labels };
        if (example[Second] is not null && framing.HasTypes) columns[Batch.Names.TokenTypeIds] = text.Types;
        if (example[Batch.Names.NextSentenceLabel] is { } label) columns[Batch.Names.NextSentenceLabel] = label;
        return new(columns);
    }

    /// <inheritdoc/>
    public Batch Collate(IReadOnlyList<Example> finished)
    {
        var batch = _rows.Collate(finished);
        var columns = new Dictionary<string, Column>(batch.Columns);
        if (finished[0][Batch.Names.NextSentenceLabel] is not null)
            columns[Batch.Names.NextSentenceLabel] = Rows.Single([.. finished.Select(e => e[Batch.Names.NextSentenceLabel]!)]);
        return batch with
        {
            Columns = columns,
            OtherTargets = new Dictionary<string, long> { ["next_sentence"] = finished.Count, ["replaced_tokens"] = batch.TokenCount },
        };
    }

    private (FramedText Text, int[] Labels) Mask(Example example, SplitMix random)
    {
        int[] ids = [.. example.Ids];
        var allowed = Enumerable.Range(0, ids.Length).Where(i => !tokens.Special.Contains(ids[i])).ToArray();
        var starts = example[WordStarts] is { } marks ? Array.ConvertAll(allowed, i => marks[i]) : [];
        int[] maskable = Array.ConvertAll(allowed, i => ids[i]);
        var chosen = masking.Choose(starts, maskable.Length, random);
        var found = masking.Replace(maskable, chosen, tokens, random);
        var labels = Enumerable.Repeat(-100, ids.Length).ToArray();
        for (var i = 0; i < allowed.Length; i++) (ids[allowed[i]], labels[allowed[i]]) = (maskable[i], found[i]);
        return example[Second] is [var second]
            ? (framing.Pair(ids.AsSpan(0, second), ids.AsSpan(second)), Around(labels.AsSpan(0, second), labels.AsSpan(second)))
            : (framing.One(ids), Around(labels));
    }

    // Frames are never to be predicted.
    private int[] Around(ReadOnlySpan<int> labels)
        => [.. Ignored(framing.Before(pair: false)), .. labels, .. Ignored(framing.SingleTokens - framing.Before(pair: false))];

    private int[] Around(ReadOnlySpan<int> first, ReadOnlySpan<int> second)
    {
        var (before, between) = (framing.Before(pair: true), framing.Between);
        return [.. Ignored(before), .. first, .. Ignored(between), .. second, .. Ignored(framing.PairTokens - before - between)];
    }

    private static IEnumerable<int> Ignored(int count) => Enumerable.Repeat(-100, count);
}
