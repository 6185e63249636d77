namespace TransformerTorch.Data.Collators;

/// <summary>
/// T5's pre-training (Raffel et al., 2020): random spans are cut out, a sentinel in the place of each; the target is the sentinels with
/// what stood there. Lengths as text-to-text-transfer-transformer's <c>random_spans_helper</c>: windows of <see cref="Lengths"/> give
/// inputs that fill the length exactly, and targets of one length.
/// </summary>
/// <param name="noiseDensity">Share of the tokens that is cut out.</param>
/// <param name="meanSpanLength">Mean length of a span.</param>
public sealed class SpanCorruption(double noiseDensity, double meanSpanLength)
{
    /// <summary>The tokens that corrupt to no more than so many, end mark included, and the length of their target.</summary>
    public (int TokensLength, int TargetsLength) Lengths(int inputsLength)
    {
        var tokens = inputsLength;
        while (Corrupted(tokens + 1).Inputs <= inputsLength) tokens++;
        var targets = Corrupted(tokens).Targets;
        return noiseDensity == 0.5 && targets > inputsLength ? (tokens - 1, targets - 1) : (tokens, targets);
    }

    /// <summary>Tokens of the input and of the target that so many tokens give, end marks included.</summary>
    public (int Inputs, int Targets) Corrupted(int tokens)
    {
        var (noise, spans) = Noise(tokens);
        return (tokens - noise + spans + 1, noise + spans + 1);
    }

    /// <summary>Spans of so many tokens: the sentinels that are needed.</summary>
    public int Spans(int tokens) => Noise(tokens).Spans;

    /// <summary>Which tokens are cut out: spans of random lengths that never touch, the first token never, the last always.</summary>
    public bool[] NoiseMask(int length, SplitMix random)
    {
        var (noise, spans) = Noise(length);
        var (cut, kept) = (Segments(noise, spans, random), Segments(length - noise, spans, random));
        var (mask, at) = (new bool[length], 0);
        for (var i = 0; i < spans; i++)
        {
            at += kept[i];
            mask.AsSpan(at, cut[i]).Fill(true);
            at += cut[i];
        }
        return mask;
    }

    /// <summary>Each run of tokens where the mask is <paramref name="where"/> becomes the next sentinel; the others stay.</summary>
    public static List<int> WithSentinels(ReadOnlySpan<int> ids, bool[] mask, bool where, IReadOnlyList<int> sentinels)
    {
        var (result, used) = (new List<int>(), 0);
        for (var i = 0; i < ids.Length; i++)
        {
            if (mask[i] != where) result.Add(ids[i]);
            else if (i == 0 || mask[i - 1] != where) result.Add(sentinels[used++]);
        }
        return result;
    }

    // At least one token is cut out and one stays, however few there are. Half is rounded to even, as Python does.
    private (int Noise, int Spans) Noise(int tokens)
    {
        var noise = Math.Clamp((int)Math.Round(tokens * noiseDensity), 1, Math.Max(1, tokens - 1));
        var spans = Math.Max(1, (int)Math.Round(noise / meanSpanLength));
        return (noise, Math.Min(spans, Math.Max(1, Math.Min(noise, tokens - noise))));
    }

    // A uniformly random way to write the total as so many positive parts.
    private static int[] Segments(int total, int parts, SplitMix random)
    {
        var firsts = new bool[total - 1];
        firsts.AsSpan(0, parts - 1).Fill(true);
        random.Shuffle(firsts.AsSpan());
        var (lengths, part) = (new int[parts], 0);
        lengths[0] = 1;
        foreach (var first in firsts) lengths[first ? ++part : part]++;
        return lengths;
    }
}

/// <summary>Windows with spans cut out, and what was cut out as labels; both end with the end mark.</summary>
/// <param name="corruption">What is cut out.</param>
/// <param name="sentinels">The sentinels' ids, in order of use.</param>
/// <param name="end">The end mark.</param>
/// <param name="padding">The id that fills rows up.</param>
public sealed class SpanCorruptionCollator(SpanCorruption corruption, IReadOnlyList<int> sentinels, int end, int padding) : ICollator
{
    private readonly PaddingCollator _rows = new(LabelKind.Text, padding);

    /// <inheritdoc/>
    public Example Finished(Example example, SplitMix random)
    {
        var mask = corruption.NoiseMask(example.Ids.Length, random);
        return new(new Dictionary<string, int[]>
        {
            [Batch.Names.InputIds] = [.. SpanCorruption.WithSentinels(example.Ids, mask, where: true, sentinels), end],
            [Batch.Names.Labels] = [.. SpanCorruption.WithSentinels(example.Ids, mask, where: false, sentinels), end],
        });
    }

    /// <inheritdoc/>
    public Batch Collate(IReadOnlyList<Example> finished) => _rows.Collate(finished);
}
