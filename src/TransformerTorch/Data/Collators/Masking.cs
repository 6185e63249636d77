using System.ComponentModel.DataAnnotations;

namespace TransformerTorch.Data.Collators;

/// <summary>What is masked together.</summary>
public enum MaskingUnit
{
    /// <summary>Each token by itself (Devlin et al., 2019).</summary>
    Token,

    /// <summary>All tokens of a word.</summary>
    WholeWord,

    /// <summary>Several words in a row (SpanBERT: Joshi et al., 2020).</summary>
    Span,
}

/// <summary>Which tokens a masked language model is to predict, and what it sees in their places.</summary>
public sealed record Masking
{
    /// <summary>Share of the tokens that are to be predicted.</summary>
    [Range(0.0, 1, MinimumIsExclusive = true)]
    public double MlmProbability { get; init; } = 0.15;

    /// <summary>Share of these that the mask token replaces.</summary>
    [Range(0.0, 1)]
    public double MaskReplaceProb { get; init; } = 0.8;

    /// <summary>Share of these that a random token replaces; the rest stays as it is.</summary>
    [Range(0.0, 1)]
    public double RandomReplaceProb { get; init; } = 0.1;

    /// <summary>What is masked together.</summary>
    public MaskingUnit Unit { get; init; }

    /// <summary>Words of the longest span, where spans are masked.</summary>
    [Range(1, 1000)]
    public int MaxSpanLength { get; init; } = 10;

    /// <summary>The probability that a span ends after each of its words.</summary>
    [Range(0.0, 1, MinimumIsExclusive = true)]
    public double SpanEndProb { get; init; } = 0.2;

    /// <summary>
    /// The places to predict, in groups that are replaced alike; none only where there is no token. Single tokens are chosen each by
    /// itself, words and spans until the share is reached: never more than it, but for the first.
    /// </summary>
    /// <param name="wordStarts">for each token, whether it begins a word; empty: each does</param>
    /// <param name="count">how many tokens</param>
    /// <param name="random">what draws</param>
    public List<int[]> Choose(ReadOnlySpan<int> wordStarts, int count, SplitMix random)
    {
        if (count == 0) return [];
        if (Unit == MaskingUnit.Token)
        {
            var chosen = new List<int[]>();
            for (var i = 0; i < count; i++)
                if (random.NextDouble() < MlmProbability) chosen.Add([i]);
            return chosen.Count > 0 ? chosen : [[random.Below(count)]];
        }
        var words = Words(wordStarts, count);
        var budget = Math.Max(1, (int)Math.Round(count * MlmProbability));
        return Unit == MaskingUnit.WholeWord ? WholeWords(words, budget, random) : Spans(words, budget, random);
    }

    /// <summary>Replaces the chosen tokens in <paramref name="ids"/>.</summary>
    /// <returns>The labels: the tokens that were chosen, -100 elsewhere.</returns>
    /// <param name="ids">the tokens</param>
    /// <param name="groups">what <see cref="Choose"/> chose</param>
    /// <param name="tokens">what replaces them</param>
    /// <param name="random">what draws</param>
    public int[] Replace(Span<int> ids, List<int[]> groups, MaskTokens tokens, SplitMix random)
    {
        var labels = new int[ids.Length];
        Array.Fill(labels, -100);
        foreach (var group in groups)
        {
            var draw = random.NextDouble();
            foreach (var i in group)
            {
                labels[i] = ids[i];
                if (Unit == MaskingUnit.WholeWord) draw = random.NextDouble();     // spans are replaced alike, words token by token
                if (draw < MaskReplaceProb) ids[i] = tokens.Mask;
                else if (draw < MaskReplaceProb + RandomReplaceProb) ids[i] = tokens.Draw(random);
            }
        }
        return labels;
    }

    private static List<int[]> Words(ReadOnlySpan<int> starts, int count)
    {
        var words = new List<List<int>>();
        for (var i = 0; i < count; i++)
        {
            if (i == 0 || starts.IsEmpty || starts[i] != 0) words.Add([]);
            words[^1].Add(i);
        }
        return [.. words.Select(word => word.ToArray())];
    }

    private static List<int[]> WholeWords(List<int[]> words, int budget, SplitMix random)
    {
        var order = words.ToArray();
        random.Shuffle(order.AsSpan());
        var chosen = new List<int[]>();
        foreach (var word in order)
        {
            if (chosen.Count > 0 && word.Length > budget) continue;
            chosen.Add(word);
            if ((budget -= word.Length) <= 0) break;
        }
        return chosen;
    }

    private List<int[]> Spans(List<int[]> words, int budget, SplitMix random)
    {
        var (taken, chosen) = (new bool[words.Count], new List<int[]>());
        var longest = Math.Min(MaxSpanLength, words.Count);
        for (var attempts = 10 * words.Count; attempts > 0 && budget > 0; attempts--)
        {
            var length = 1;
            while (length < longest && random.NextDouble() >= SpanEndProb) length++;
            var first = random.Below(words.Count - length + 1);
            var span = Enumerable.Range(first, length).ToList();
            if (span.Any(w => taken[w])) continue;
            int[] places = [.. span.SelectMany(w => words[w])];
            if (chosen.Count > 0 && places.Length > budget) continue;
            span.ForEach(w => taken[w] = true);
            chosen.Add(places);
            budget -= places.Length;
        }
        return chosen;
    }
}

/// <summary>What stands in the place of a masked token.</summary>
/// <param name="Mask">The mask token's id.</param>
/// <param name="VocabularySize">Random tokens are drawn among so many ids, special ones left out.</param>
/// <param name="Special">The ids of special tokens.</param>
public sealed record MaskTokens(int Mask, int VocabularySize, IReadOnlySet<int> Special)
{
    /// <summary>An ordinary token.</summary>
    public int Draw(SplitMix random)
    {
        for (var attempts = 0; attempts < 1000; attempts++)
        {
            var id = random.Below(VocabularySize);
            if (!Special.Contains(id)) return id;
        }
        return Mask;
    }
}
