namespace TransformerTorch.Training.Metrics;

/// <summary>What <see cref="Bleu"/> found.</summary>
/// <param name="Score">0 to 100</param>
/// <param name="Precisions">of runs of one to four tokens, 0 to 100, smoothed</param>
/// <param name="BrevityPenalty">what shortness costs, 1: nothing</param>
/// <param name="Length">tokens of the hypotheses</param>
/// <param name="ReferenceLength">tokens of the references nearest in length</param>
public sealed record BleuScore(double Score, IReadOnlyList<double> Precisions, double BrevityPenalty, int Length, int ReferenceLength);

/// <summary>
/// BLEU of a corpus (Papineni et al., 2002) as sacreBLEU computes it (Post, 2018): up to four tokens, exponential smoothing of orders
/// without a match.
/// </summary>
public static class Bleu
{
    private const int Orders = 4;

    /// <summary>Scores a corpus.</summary>
    /// <param name="hypotheses">what was written</param>
    /// <param name="references">for each, one or more that it should be</param>
    /// <param name="tokenizer">cuts both into tokens</param>
    /// <exception cref="ArgumentException">A hypothesis without a reference.</exception>
    public static BleuScore Of(
        IReadOnlyList<string> hypotheses, IReadOnlyList<IReadOnlyList<string>> references, BleuTokenizer tokenizer = BleuTokenizer.V13a)
    {
        if (hypotheses.Count != references.Count || references.Any(r => r.Count == 0))
            throw new ArgumentException($"{hypotheses.Count} hypotheses need as many references, at least one each");
        var (right, given, length, wantedLength) = (new double[Orders], new double[Orders], 0, 0);
        foreach (var (hypothesis, wanted) in hypotheses.Zip(references))
        {
            var tokens = BleuTokenizers.Cut(hypothesis, tokenizer);
            var others = wanted.Select(w => BleuTokenizers.Cut(w, tokenizer)).ToList();
            length += tokens.Count;
            wantedLength += others.Select(o => o.Count).OrderBy(n => Math.Abs(n - tokens.Count)).ThenBy(n => n).First();
            for (var n = 0; n < Orders; n++)
            {
                var ours = NGrams.OfTokens(tokens, n + 1);
                right[n] += NGrams.Shared(ours, Greatest(others.Select(o => NGrams.OfTokens(o, n + 1))));
                given[n] += ours.Values.Sum();
            }
        }
        var penalty = length >= wantedLength ? 1 : length > 0 ? Math.Exp(1 - ((double)wantedLength / length)) : 0;
        var precisions = Smoothed(right, given);
        var score = right.Any(n => n > 0) && precisions.All(p => p > 0)
            ? penalty * Math.Exp(precisions.Average(Math.Log)) : 0;
        return new(score, precisions, penalty, length, wantedLength);
    }

    // An order without a match counts as half a match, the next as a quarter (method 3 of Chen and Cherry, 2014).
    private static double[] Smoothed(double[] right, double[] given)
    {
        var precisions = new double[Orders];
        var smoothing = 1.0;
        if (right.All(n => n == 0)) return precisions;
        for (var n = 0; n < Orders && given[n] > 0; n++)
        {
            if (right[n] == 0) smoothing *= 2;
            precisions[n] = 100 * (right[n] == 0 ? 1 / smoothing : right[n]) / given[n];
        }
        return precisions;
    }

    private static Dictionary<string, int> Greatest(IEnumerable<Dictionary<string, int>> counts)
        => counts.SelectMany(c => c).GroupBy(c => c.Key, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.Max(c => c.Value), StringComparer.Ordinal);
}
