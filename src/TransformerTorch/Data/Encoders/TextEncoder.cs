using System.Text;
using TransformerTorch.Data.Collators;

namespace TransformerTorch.Data.Encoders;

/// <summary>What is kept beside a text's tokens.</summary>
[Flags]
public enum TextMarks
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Which tokens begin words, as the tokenizer's pre-tokenizer cuts them.</summary>
    Words = 1,

    /// <summary>Which tokens begin sentences.</summary>
    Sentences = 2,
}

/// <summary>Running text: its tokens and an end mark.</summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="column">The field that is read.</param>
/// <param name="marks">What else is kept.</param>
public sealed class TextEncoder(TrainedTokenizer tokenizer, string column, TextMarks marks = TextMarks.None) : IExampleEncoder
{
    /// <inheritdoc/>
    public string Identity => $"text/1 {tokenizer.Identity} {tokenizer.EndMark} {column} {marks}";

    /// <inheritdoc/>
    public IReadOnlyList<string> Columns =>
    [
        Batch.Names.InputIds, .. marks.HasFlag(TextMarks.Words) ? [MaskedCollator.WordStarts] : Array.Empty<string>(),
        .. marks.HasFlag(TextMarks.Sentences) ? [DenoisingCollator.SentenceStarts] : Array.Empty<string>(),
    ];

    /// <inheritdoc/>
    public IEnumerable<Example> Encode(Document document)
    {
        var text = document.TextOf(column);
        var bytes = Encoding.UTF8.GetByteCount(text);
        if (marks == TextMarks.None)
        {
            yield return new([.. tokenizer.Encode(text), tokenizer.EndMark]) { TextBytes = bytes };
            yield break;
        }
        var encoding = tokenizer.Tokenizer.Encode(text, addSpecialTokens: false);
        var columns = new Dictionary<string, int[]> { [Batch.Names.InputIds] = [.. encoding.Ids, tokenizer.EndMark] };
        if (marks.HasFlag(TextMarks.Words))
        {
            var words = encoding.WordIds;
            columns[MaskedCollator.WordStarts] = [.. words.Select((word, i) => i == 0 || word is null || word != words[i - 1] ? 1 : 0), 1];
        }
        if (marks.HasFlag(TextMarks.Sentences))
            columns[DenoisingCollator.SentenceStarts] = [.. Sentences.Starts(text, encoding.Offsets), 0];
        yield return new(columns) { TextBytes = bytes };
    }
}

/// <summary>Where sentences begin: after . ? or ! and space, before no small letter; and after line ends.</summary>
public static class Sentences
{
    /// <summary>For each token, 1 where it is the first of a sentence.</summary>
    public static int[] Starts(string text, IReadOnlyList<(int Start, int End)> offsets)
    {
        var starts = new int[offsets.Count];
        var next = 0;
        foreach (var boundary in Boundaries(text).Append(text.Length))
        {
            if (next < starts.Length) starts[next] = 1;
            while (next < starts.Length && offsets[next].End <= boundary) next++;
        }
        return starts;
    }

    /// <summary>The characters after the first at which a sentence begins.</summary>
    public static IEnumerable<int> Boundaries(string text)
    {
        for (var i = 1; i < text.Length; i++)
        {
            if (!char.IsWhiteSpace(text[i - 1]) || char.IsWhiteSpace(text[i])) continue;
            var (last, lines) = (i - 1, false);
            for (; last >= 0 && char.IsWhiteSpace(text[last]); last--) lines |= text[last] == '\n';
            while (last >= 0 && text[last] is '"' or '\'' or ')' or ']' or '”' or '’') last--;
            if (lines || (last >= 0 && text[last] is '.' or '!' or '?' && !char.IsLower(text[i]))) yield return i;
        }
    }
}
