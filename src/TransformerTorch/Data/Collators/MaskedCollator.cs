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

    /// <inheritdoc/>
    public Batch Collate(IReadOnlyList<Example> examples, SplitMix random)
    {
        var rows = examples.Select(example => Mask(example, random)).ToList();
        int[][] ids = [.. rows.Select(row => row.Text.Ids)];
        var columns = new Dictionary<string, Column>
        {
            [Batch.Names.InputIds] = Rows.Pad(ids, padding),
            [Batch.Names.Labels] = Rows.Pad([.. rows.Select(row => row.Labels)], -100),
        };
        var pairs = examples[0][Second] is not null;
        if (pairs && framing.HasTypes) columns[Batch.Names.TokenTypeIds] = Rows.Pad([.. rows.Select(row => row.Text.Types)], 0);
        if (examples[0][Batch.Names.NextSentenceLabel] is not null)
            columns[Batch.Names.NextSentenceLabel] = Rows.Single([.. examples.Select(e => e[Batch.Names.NextSentenceLabel]!)]);
        Rows.Mask(columns, ids);
        var read = ids.Sum(row => (long)row.Length);
        return new(columns)
        {
            TargetCount = rows.Sum(row => (long)row.Labels.Count(label => label != -100)), TokenCount = read,
            OtherTargets = new Dictionary<string, long> { ["next_sentence"] = examples.Count, ["replaced_tokens"] = read },
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
