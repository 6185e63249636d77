using System.Text.RegularExpressions;

namespace TransformerTorch.Training.Metrics;

/// <summary>How well questions are answered, as SQuAD measures it (Rajpurkar et al., 2016; 2018 for questions without an answer).</summary>
/// <param name="ExactMatch">share of answers that are one of the wanted, 0 to 100</param>
/// <param name="F1">mean overlap of words with the nearest wanted answer, 0 to 100</param>
public readonly partial record struct AnswerScores(double ExactMatch, double F1)
{
    private const string Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    /// <summary>Scores answers.</summary>
    /// <param name="predicted">the answers; empty: there is none</param>
    /// <param name="wanted">for each, those that are right; none: there is none</param>
    /// <exception cref="ArgumentException">There are more of one than of the other.</exception>
    public static AnswerScores Of(IReadOnlyList<string> predicted, IReadOnlyList<IReadOnlyList<string>> wanted)
    {
        if (predicted.Count != wanted.Count) throw new ArgumentException($"{predicted.Count} answers to {wanted.Count} questions");
        var (exact, f1) = (0.0, 0.0);
        foreach (var (answer, right) in predicted.Zip(wanted))
        {
            var given = Normalized(answer);
            // Answers of nothing but articles and punctuation are none.
            var known = right.Select(Normalized).Where(r => r.Length > 0).DefaultIfEmpty("").ToList();
            exact += known.Contains(given) ? 1 : 0;
            f1 += known.Max(r => Overlap(given, r));
        }
        return new(100 * Pairs.Mean(exact, predicted.Count), 100 * Pairs.Mean(f1, predicted.Count));
    }

    private static double Overlap(string given, string wanted)
    {
        var (ours, theirs) = (NGrams.Words(given), NGrams.Words(wanted));
        if (ours.Length == 0 || theirs.Length == 0) return ours.Length == theirs.Length ? 1 : 0;
        return PrecisionRecall.Of(NGrams.Shared(NGrams.Count(ours), NGrams.Count(theirs)), ours.Length, theirs.Length).F1;
    }

    /// <summary>In lower case, without punctuation, articles and superfluous space.</summary>
    internal static string Normalized(string answer)
    {
        var plain = string.Concat(answer.ToLowerInvariant().Where(c => !Punctuation.Contains(c)));
        return string.Join(' ', NGrams.Words(Article().Replace(plain, " ")));
    }

    [GeneratedRegex(@"(?<![\p{L}\p{N}_])(a|an|the)(?![\p{L}\p{N}_])")]
    private static partial Regex Article();
}
