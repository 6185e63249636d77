using System.ComponentModel.DataAnnotations;

namespace TransformerTorch.Data.Collators;

/// <summary>
/// BART's noise (Lewis et al., 2020), applied in this order: sentences permuted, tokens deleted, tokens masked, spans infilled, the text
/// rotated. What BART itself was trained with is the default: sentences permuted, and 30% of the tokens in spans each of which one mask
/// replaces.
/// </summary>
public sealed record Denoising
{
    /// <summary>Share of the tokens in spans that are replaced by a single mask each; spans of no length insert one.</summary>
    [Range(0.0, 1)]
    public double MaskRatio { get; init; } = 0.3;

    /// <summary>Mean length of these spans: they are drawn from a Poisson distribution.</summary>
    [Range(0.0, 100)]
    public double PoissonLambda { get; init; } = 3;

    /// <summary>Share of the sentences that are put in another order.</summary>
    [Range(0.0, 1)]
    public double PermuteSentenceRatio { get; init; } = 1;

    /// <summary>Share of the texts that begin at a random token, what stood before it put behind.</summary>
    [Range(0.0, 1)]
    public double RotateRatio { get; init; }

    /// <summary>Share of the tokens that are deleted.</summary>
    [Range(0.0, 1, MaximumIsExclusive = true)]
    public double DeleteRatio { get; init; }

    /// <summary>Share of the tokens that are masked one by one.</summary>
    [Range(0.0, 1)]
    public double TokenMaskRatio { get; init; }

    /// <summary>A noised text.</summary>
    /// <param name="ids">the text</param>
    /// <param name="sentenceStarts">for each token, whether it begins a sentence; empty: all is one</param>
    /// <param name="mask">the mask token's id</param>
    /// <param name="random">what draws</param>
    public int[] Apply(int[] ids, ReadOnlySpan<int> sentenceStarts, int mask, SplitMix random)
    {
        if (PermuteSentenceRatio > 0) ids = Permute(ids, sentenceStarts, random);
        if (DeleteRatio > 0) ids = Delete(ids, random);
        if (TokenMaskRatio > 0) ids = Array.ConvertAll(ids, id => random.NextDouble() < TokenMaskRatio ? mask : id);
        if (MaskRatio > 0) ids = Infill(ids, mask, random);
        if (RotateRatio > 0 && ids.Length > 1 && random.NextDouble() < RotateRatio)
        {
            var start = 1 + random.Below(ids.Length - 1);
            ids = [.. ids[start..], .. ids[..start]];
        }
        return ids;
    }

    private int[] Permute(int[] ids, ReadOnlySpan<int> starts, SplitMix random)
    {
        var sentences = new List<Range>();
        var from = 0;
        for (var i = 1; i <= ids.Length; i++)
        {
            if (i < ids.Length && (starts.IsEmpty || starts[i] == 0)) continue;
            sentences.Add(from..i);
            from = i;
        }
        var moved = Enumerable.Range(0, sentences.Count).ToArray();
        random.Shuffle(moved.AsSpan());
        moved = moved[..(int)Math.Ceiling(sentences.Count * PermuteSentenceRatio)];
        var order = Enumerable.Range(0, sentences.Count).ToArray();
        foreach (var (place, sentence) in moved.Order().Zip(moved)) order[place] = sentence;
        return [.. order.SelectMany(sentence => ids[sentences[sentence]])];
    }

    private int[] Delete(int[] ids, SplitMix random)
    {
        int[] kept = [.. ids.Where(_ => random.NextDouble() >= DeleteRatio)];
        return kept.Length > 0 ? kept : ids;
    }

    // Spans are drawn until they cover the share of tokens, and laid with at least one token between two of them.
    private int[] Infill(int[] ids, int mask, SplitMix random)
    {
        var budget = (int)Math.Round(ids.Length * MaskRatio);
        if (budget == 0) return ids;
        var (lengths, covered) = (new List<int>(), 0);
        while (covered < budget && lengths.Count <= ids.Length)
        {
            var length = Math.Min(random.Poisson(PoissonLambda), budget - covered);
            lengths.Add(length);
            covered += length;
        }
        while (lengths.Count > ids.Length - lengths.Sum() + 1) lengths.Remove(lengths.Min());
        var gaps = random.Choose(ids.Length - lengths.Sum() + 1, lengths.Count); // before which kept token each span lies
        var (result, at, span) = (new List<int>(), 0, 0);
        for (var gap = 0; at < ids.Length || span < gaps.Length; gap++)
        {
            if (span < gaps.Length && gaps[span] == gap)
            {
                result.Add(mask);
                at += lengths[span++];
            }
            if (at < ids.Length) result.Add(ids[at++]);
        }
        return [.. result];
    }
}

/// <summary>Noised texts as inputs, the texts as labels, both framed as the tokenizer frames.</summary>
/// <param name="noise">What is done to them.</param>
/// <param name="mask">The mask token's id.</param>
/// <param name="framing">What stands around texts.</param>
/// <param name="padding">The id that fills rows up.</param>
public sealed class DenoisingCollator(Denoising noise, int mask, Framing framing, int padding) : ICollator
{
    /// <summary>The column of which tokens begin sentences.</summary>
    public const string SentenceStarts = "sentence_starts";

    private readonly PaddingCollator _rows = new(LabelKind.Text, padding);

    /// <inheritdoc/>
    public Example Finished(Example example, SplitMix random) => new(new Dictionary<string, int[]>
    {
        [Batch.Names.InputIds] = framing.One(noise.Apply(example.Ids, example[SentenceStarts] ?? [], mask, random)).Ids,
        [Batch.Names.Labels] = framing.One(example.Ids).Ids,
    });

    /// <inheritdoc/>
    public Batch Collate(IReadOnlyList<Example> finished) => _rows.Collate(finished);
}
