namespace TransformerTorch.Training.Metrics;

/// <summary>
/// chrF and chrF++ of a corpus (Popović, 2015, 2017) as sacreBLEU computes them: F2 over runs of one to six characters, for chrF++ of one
/// and two words too.
/// </summary>
public static class CharacterFScore
{
    private const int CharacterOrders = 6;
    private const double Recall = 4; // beta squared
    private const string Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    /// <summary>Scores a corpus, 0 to 100.</summary>
    /// <param name="hypotheses">what was written</param>
    /// <param name="references">for each, one or more that it should be; the best counts</param>
    /// <param name="wordOrders">0: chrF, 2: chrF++</param>
    /// <exception cref="ArgumentException">A hypothesis without a reference.</exception>
    public static double Of(IReadOnlyList<string> hypotheses, IReadOnlyList<IReadOnlyList<string>> references, int wordOrders = 0)
    {
        if (hypotheses.Count != references.Count || references.Any(r => r.Count == 0))
            throw new ArgumentException($"{hypotheses.Count} hypotheses need as many references, at least one each");
        var total = new Counts[CharacterOrders + wordOrders];
        foreach (var (hypothesis, wanted) in hypotheses.Zip(references))
        {
            var ours = Orders(hypothesis, wordOrders);
            var best = wanted.Select(w => Compare(ours, Orders(w, wordOrders))).MaxBy(Score)!;
            for (var n = 0; n < total.Length; n++) total[n] = total[n].Plus(best[n]);
        }
        return Score(total);
    }

    private static Counts[] Compare(List<Dictionary<string, int>> ours, List<Dictionary<string, int>> wanted)
        => [.. ours.Zip(wanted, (o, w) => new Counts(w.Count > 0 ? o.Values.Sum() : 0, w.Values.Sum(), NGrams.Shared(o, w)))];

    private static double Score(Counts[] orders)
    {
        var known = orders.Where(o => o is { Given: > 0, Wanted: > 0 }).ToList();
        if (known.Count == 0) return 0;
        var (precision, recall) = (known.Average(o => o.Shared / o.Given), known.Average(o => o.Shared / o.Wanted));
        return precision + recall > 0 ? 100 * (1 + Recall) * precision * recall / ((Recall * precision) + recall) : 0;
    }

    private static List<Dictionary<string, int>> Orders(string text, int wordOrders)
    {
        var words = NGrams.Words(text);
        var characters = NGrams.Characters(string.Concat(words));
        var apart = words.SelectMany(PunctuationApart).ToList();
        return [.. Enumerable.Range(1, CharacterOrders).Select(n => NGrams.OfCharacters(characters, n)),
            .. Enumerable.Range(1, wordOrders).Select(n => NGrams.OfTokens(apart, n))];
    }

    private static string[] PunctuationApart(string word) => word.Length == 1 ? [word]
        : Punctuation.Contains(word[^1]) ? [word[..^1], word[^1..]]
        : Punctuation.Contains(word[0]) ? [word[..1], word[1..]] : [word];

    private readonly record struct Counts(double Given, double Wanted, double Shared)
    {
        public Counts Plus(Counts other) => new(Given + other.Given, Wanted + other.Wanted, Shared + other.Shared);
    }
}
