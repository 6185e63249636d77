namespace TransformerTorch.Data.Encoders;

/// <summary>A part of a text with the scores of each token as the answer's first and last.</summary>
public sealed record ScoredPart(Example Part, float[] Start, float[] End)
{
    /// <summary>Whether a text begins with it.</summary>
    internal bool IsFirst => Part[QuestionEncoder.Context] is { Length: > 0 };

    /// <summary>Whether the text that begins with it holds an answer.</summary>
    internal bool HasAnswer => Part[QuestionEncoder.Answers] is { Length: > 0 };
}

/// <summary>How answers are read off scores; the defaults are those of the published SQuAD scripts.</summary>
public sealed record AnswerReader
{
    /// <summary>First and last tokens considered, the best of each part.</summary>
    public int BestTokens { get; init; } = 20;

    /// <summary>Tokens of the longest answer.</summary>
    public int MaxAnswerLength { get; init; } = 30;

    /// <summary>Whether there may be none: where the first token scores higher than any answer by more than the threshold.</summary>
    public bool AllowsNone { get; init; }

    /// <summary>That threshold.</summary>
    public double NoneThreshold { get; init; }

    /// <summary>The answers and those that are right, a text each, in the order of the parts.</summary>
    public IEnumerable<(string Answer, IReadOnlyList<string> Right)> Read(IEnumerable<ScoredPart> parts)
    {
        var text = new List<ScoredPart>();
        foreach (var part in parts)
        {
            if (text.Count > 0 && part.IsFirst)
            {
                yield return Best(text);
                text.Clear();
            }
            text.Add(part);
        }
        if (text.Count > 0) yield return Best(text);
    }

    private (string Answer, IReadOnlyList<string> Right) Best(List<ScoredPart> parts)
    {
        var context = parts[0].Part.Text(QuestionEncoder.Context);
        var right = parts[0].Part.Text(QuestionEncoder.Answers).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var (best, answer) = (double.NegativeInfinity, "");
        foreach (var (part, start, end) in parts)
        {
            var (starts, ends) = (part[QuestionEncoder.OffsetStarts]!, part[QuestionEncoder.OffsetEnds]!);
            var lasts = Top(end);
            foreach (var first in Top(start).Where(first => starts[first] >= 0))
            {
                foreach (var last in lasts.Where(last => last >= first && last - first < MaxAnswerLength && ends[last] >= 0))
                    if (start[first] + end[last] > best) (best, answer) = (start[first] + end[last], context[starts[first]..ends[last]]);
            }
        }
        var none = parts.Min(part => part.Start[0] + part.End[0]);
        return (AllowsNone && none - best > NoneThreshold ? "" : answer, right);
    }

    private List<int> Top(float[] scores)
        => [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).Take(BestTokens)];
}
