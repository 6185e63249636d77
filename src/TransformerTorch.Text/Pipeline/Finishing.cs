using TransformerTorch.Text.PostProcessors;

namespace TransformerTorch.Text.Pipeline;

/// <summary>From the texts' tokens to the encoding: truncation, post-processor, joining, padding.</summary>
internal static class Finishing
{
    public static Encoding Finish(Tokenizer tokenizer, Source[] sources, List<Draft> drafts, bool addSpecialTokens)
    {
        if (tokenizer.Truncation is { } truncation)
            Truncate(drafts, truncation, addSpecialTokens ? tokenizer.PostProcessor?.AddedTokens(drafts.Count > 1) ?? 0 : 0);
        if (tokenizer.PostProcessor is { } processor)
            drafts = processor.Process(drafts, tokenizer.Model.Vocabulary, addSpecialTokens);
        var draft = drafts is [var only] ? only : drafts.Aggregate(new Draft([]), (joined, next) => joined.Append(next));
        if (tokenizer.Padding is { } padding)
            draft.Pad(Length(padding, draft.Tokens.Length), padding);
        return Build(tokenizer, sources, draft);
    }

    /// <summary>Fills encodings up to the longest.</summary>
    public static Encoding[] PadTogether(Tokenizer tokenizer, Encoding[] encodings)
    {
        if (tokenizer.Padding is not { Length: null } padding || encodings.Length == 0)
            return encodings;
        var length = Length(padding, encodings.Max(encoding => encoding.Count));
        return Array.ConvertAll(encodings, encoding => encoding.Pad(length, padding));
    }

    private static int Length(Padding padding, int longest)
    {
        var length = padding.Length ?? longest;
        if (padding.MultipleOf is not (> 0 and var multiple) || length % multiple == 0)
            return length;
        return checked(length + multiple - length % multiple);
    }

    private static Encoding Build(Tokenizer tokenizer, Source[] sources, Draft draft) => new(tokenizer, sources, draft.Tokens)
    {
        Overflowing = draft.Overflowing.Count == 0 ? [] : [.. draft.Overflowing.Select(part => Build(tokenizer, sources, part))],
    };

    private static void Truncate(List<Draft> drafts, Truncation truncation, int added)
    {
        var length = truncation.MaxLength - added;
        if (length < 0)
            return; // no room even for what the post-processor adds: the reference, whose counts have no sign, cuts nothing then
        var (first, second) = (drafts[0], drafts.ElementAtOrDefault(1));
        var total = first.Tokens.Length + (second?.Tokens.Length ?? 0);
        if (length > 0 && total <= length)
            return;
        var (firstLength, secondLength) = (0, 0);
        if (length > 0)
            (firstLength, secondLength) = Lengths(truncation.Strategy, length, first.Tokens.Length, second?.Tokens.Length);
        first.Truncate(firstLength, truncation.Stride, truncation.Side);
        second?.Truncate(secondLength, truncation.Stride, truncation.Side);
    }

    private static (int First, int Second) Lengths(TruncationStrategy strategy, int length, int first, int? second)
    {
        if (strategy == TruncationStrategy.LongestFirst)
            return second is null ? (length, 0) : Share(length, first, second.Value);
        if (strategy == TruncationStrategy.OnlySecond && second is null)
            throw new TokenizerException("truncation of the second text alone: there is no second text");
        var remove = first + (second ?? 0) - length;
        var remaining = (strategy == TruncationStrategy.OnlyFirst ? first : second!.Value) - remove;
        if (remaining <= 0)
            throw new TokenizerException($"truncation: the text to be cut is too short to come down to {length} tokens");
        return strategy == TruncationStrategy.OnlyFirst ? (remaining, second ?? 0) : (first, remaining);
    }

    /// <summary>The shorter text stays whole while it takes no more than half.</summary>
    private static (int First, int Second) Share(int length, int first, int second)
    {
        var shorter = Math.Min(first, second);
        var longer = shorter > length ? shorter : Math.Max(shorter, length - shorter);
        if (shorter + longer > length)
        {
            shorter = length / 2;
            longer = shorter + length % 2;
        }
        return first > second ? (longer, shorter) : (shorter, longer);
    }
}
