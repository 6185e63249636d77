namespace TransformerTorch.Training.Metrics;

/// <summary>
/// ROUGE (Lin, 2004) as the package rouge_score computes it: words of a to z and 0 to 9, runs of them or longest common subsequences.
/// </summary>
public static class Rouge
{
    /// <summary>Runs of <paramref name="order"/> words.</summary>
    /// <param name="predicted">what was written</param>
    /// <param name="wanted">what it should be</param>
    /// <param name="order">words of a run</param>
    /// <param name="stem">whether endings of words are taken off</param>
    public static PrecisionRecall N(string predicted, string wanted, int order, bool stem = false)
    {
        var (ours, theirs) = (NGrams.OfTokens(Words(predicted, stem), order), NGrams.OfTokens(Words(wanted, stem), order));
        return PrecisionRecall.Of(NGrams.Shared(ours, theirs), ours.Values.Sum(), theirs.Values.Sum());
    }

    /// <summary>The longest common subsequence of the texts.</summary>
    /// <inheritdoc cref="N"/>
    public static PrecisionRecall L(string predicted, string wanted, bool stem = false)
    {
        var (ours, theirs) = (Words(predicted, stem), Words(wanted, stem));
        return PrecisionRecall.Of(Table(theirs, ours)[theirs.Count, ours.Count], ours.Count, theirs.Count);
    }

    /// <summary>Those of each wanted sentence (a line) with all that were written, united; no word counts twice.</summary>
    /// <inheritdoc cref="N"/>
    public static PrecisionRecall Lsum(string predicted, string wanted, bool stem = false)
    {
        var (ours, theirs) = (Sentences(predicted, stem), Sentences(wanted, stem));
        var left = NGrams.Count(ours.SelectMany(s => s));
        var leftWanted = NGrams.Count(theirs.SelectMany(s => s));
        var hits = 0;
        foreach (var sentence in theirs)
        {
            foreach (var at in ours.SelectMany(s => Common(sentence, s)).Distinct().Order())
            {
                var word = sentence[at];
                if (left.GetValueOrDefault(word) == 0 || leftWanted[word] == 0) continue;
                left[word]--;
                leftWanted[word]--;
                hits++;
            }
        }
        return PrecisionRecall.Of(hits, ours.Sum(s => s.Count), theirs.Sum(s => s.Count));
    }

    private static List<List<string>> Sentences(string text, bool stem)
        => [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => Words(line, stem))];

    private static List<string> Words(string text, bool stem)
    {
        // Two letters beyond ASCII become one of a to z when Python lowers them.
        var lower = text.Replace("İ", "i ", StringComparison.Ordinal).Replace('\u212a', 'k').ToLowerInvariant();
        var words = string.Concat(lower.Select(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') ? c : ' '))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return [.. stem ? words.Select(w => w.Length > 3 ? PorterStemmer.Stem(w) : w) : words];
    }

    /// <summary>Lengths of the longest common subsequences of all beginnings.</summary>
    private static int[,] Table(List<string> wanted, List<string> ours)
    {
        var table = new int[wanted.Count + 1, ours.Count + 1];
        for (var i = 1; i <= wanted.Count; i++)
            for (var j = 1; j <= ours.Count; j++)
                table[i, j] = wanted[i - 1] == ours[j - 1] ? table[i - 1, j - 1] + 1 : Math.Max(table[i - 1, j], table[i, j - 1]);
        return table;
    }

    /// <summary>Where in the wanted sentence the words of one longest common subsequence stand.</summary>
    private static List<int> Common(List<string> wanted, List<string> ours)
    {
        var (table, found) = (Table(wanted, ours), new List<int>());
        for (var (i, j) = (wanted.Count, ours.Count); i > 0 && j > 0;)
        {
            if (wanted[i - 1] == ours[j - 1])
            {
                found.Add(i - 1);
                (i, j) = (i - 1, j - 1);
            }
            else if (table[i, j - 1] > table[i - 1, j]) j--;
            else i--;
        }
        return found;
    }
}
