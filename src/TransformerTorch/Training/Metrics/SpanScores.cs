using Tag = TransformerTorch.Training.Metrics.StrictTags.Tag;

namespace TransformerTorch.Training.Metrics;

/// <summary>A span of tokens.</summary>
/// <param name="Kind">what it is; "_" where its tags do not say</param>
/// <param name="First">its first token</param>
/// <param name="Last">its last one</param>
public readonly record struct TagSpan(string Kind, int First, int Last);

/// <summary>How well spans are found, as seqeval measures it: a span counts if its kind and both its ends are right.</summary>
public sealed record SpanScores
{
    /// <summary>Over all spans.</summary>
    public required PrecisionRecall Micro { get; init; }

    /// <summary>The mean of the kinds' F1 scores.</summary>
    public required double MacroF1 { get; init; }

    /// <summary>Each kind that occurs.</summary>
    public required IReadOnlyDictionary<string, PrecisionRecall> Kinds { get; init; }

    /// <summary>Scores tags of texts.</summary>
    /// <param name="predicted">each text's tags ("B-PER", "O")</param>
    /// <param name="wanted">the right ones, as many</param>
    /// <param name="scheme">how they are read; named ones strictly</param>
    /// <exception cref="ArgumentException">Texts or tags differ in number, or tags are none of the scheme's.</exception>
    public static SpanScores Of(
        IReadOnlyList<IReadOnlyList<string>> predicted, IReadOnlyList<IReadOnlyList<string>> wanted, TagScheme scheme = TagScheme.Lenient)
    {
        var texts = Pairs.Of(predicted, wanted);
        if (texts.FindIndex(t => t.Predicted.Count != t.Wanted.Count) is >= 0 and var at)
            throw new ArgumentException($"text {at}: {texts[at].Predicted.Count} tags, {texts[at].Wanted.Count} are wanted");
        var (ours, theirs) = (All(predicted), All(wanted));
        var kinds = ours.Concat(theirs).Select(s => s.Span.Kind).Distinct().Order(StringComparer.Ordinal).ToDictionary(kind => kind, kind
            => Score(ours.Where(s => s.Span.Kind == kind).ToHashSet(), theirs.Where(s => s.Span.Kind == kind).ToHashSet()));
        return new SpanScores
        {
            Micro = Score(ours, theirs), Kinds = kinds, MacroF1 = kinds.Count == 0 ? 0 : kinds.Values.Average(k => k.F1),
        };

        HashSet<(int Text, TagSpan Span)> All(IReadOnlyList<IReadOnlyList<string>> tags)
            => [.. tags.SelectMany((text, i) => Spans(text, scheme).Select(span => (i, span)))];
        static PrecisionRecall Score(HashSet<(int, TagSpan)> ours, HashSet<(int, TagSpan)> theirs)
            => PrecisionRecall.Of(ours.Count(theirs.Contains), ours.Count, theirs.Count);
    }

    /// <summary>The spans that a text's tags say.</summary>
    /// <exception cref="ArgumentException">A tag is none of the scheme's.</exception>
    public static IReadOnlyList<TagSpan> Spans(IReadOnlyList<string> tags, TagScheme scheme = TagScheme.Lenient)
        => scheme == TagScheme.Lenient ? Lenient(tags) : Strict(tags, StrictTags.Of(scheme));

    private static List<TagSpan> Lenient(IReadOnlyList<string> tags)
    {
        var (spans, first, former) = (new List<TagSpan>(), 0, new Tag('O', ""));
        for (var i = 0; i <= tags.Count; i++)
        {
            var tag = Tag.Lenient(i < tags.Count ? tags[i] : "O");
            var another = former.Kind != tag.Kind;
            var inside = former.Prefix is not ('O' or '.');
            if (former.Prefix is 'E' or 'S' || (former.Prefix is 'B' or 'I' && tag.Prefix is 'B' or 'S' or 'O') || (inside && another))
                spans.Add(new(former.Kind, first, i - 1));
            if (tag.Prefix is 'B' or 'S' || (former.Prefix is 'E' or 'S' or 'O' && tag.Prefix is 'E' or 'I')
                || (tag.Prefix is not ('O' or '.') && another))
                first = i;
            former = tag;
        }
        return spans;
    }

    private static List<TagSpan> Strict(IReadOnlyList<string> texts, StrictTags scheme)
    {
        var outside = new Tag('O', "_");
        List<Tag> tags = [.. texts.Select(t => Tag.Strict(t, scheme.Allowed)), outside];
        var (spans, former) = (new List<TagSpan>(), outside);
        for (var i = 0; i < tags.Count; former = tags[i - 1])
        {
            var first = i++;
            if (!StrictTags.Fits(scheme.Starts, former, tags[first])) continue;
            while (i < tags.Count && StrictTags.Fits(scheme.Insides, tags[i - 1], tags[i])) i++;
            // A span that reaches the end of the row ends before the tag outside it.
            if (i < tags.Count && StrictTags.Fits(scheme.Ends, tags[i - 1], tags[i])) spans.Add(new(tags[first].Kind, first, i - 1));
        }
        return spans;
    }
}
