using System.Text.Json.Nodes;

namespace TransformerTorch.Data.Encoders;

/// <summary>Which fields hold a question, the text that answers it, and the answers as SQuAD writes them.</summary>
/// <param name="Question">The question.</param>
/// <param name="Context">The text.</param>
/// <param name="Answers">An object of lists <c>text</c> and <c>answer_start</c>, or a list of such objects; none: no answer.</param>
public sealed record QuestionFields(string Question, string Context, string Answers);

/// <summary>
/// A question and a text, cut into parts that overlap where it is too long for one; each part is an example whose label is where the answer
/// begins and ends in it, or the first token where it does not (Rajpurkar et al., 2016, as BERT does).
/// </summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="fields">Where what stands.</param>
/// <param name="length">Tokens of an example at most.</param>
/// <param name="stride">Tokens of the text that neighbouring parts share.</param>
public sealed class QuestionEncoder(TrainedTokenizer tokenizer, QuestionFields fields, int length, int stride) : IExampleEncoder
{
    /// <summary>
    /// Columns of where each token stands in the text (-1 for those of no text), of the text itself and of its answers, a line each; the
    /// last two only in a text's first part, empty in the others.
    /// </summary>
    public const string OffsetStarts = "offset_starts", OffsetEnds = "offset_ends", Context = "context", Answers = "answers";

    private readonly Framing _framing = tokenizer.Framing;

    /// <inheritdoc/>
    public string Identity => $"question-answering/1 {tokenizer.Identity} {fields} {length} {stride}";

    /// <inheritdoc/>
    public IReadOnlyList<string> Columns =>
    [
        Batch.Names.InputIds, Batch.Names.TokenTypeIds, Batch.Names.StartPositions, Batch.Names.EndPositions, OffsetStarts, OffsetEnds,
        Context, Answers,
    ];

    /// <inheritdoc/>
    public IEnumerable<Example> Encode(Document document)
    {
        var (question, text) = (tokenizer.Encode(document.TextOf(fields.Question).TrimStart()), document.TextOf(fields.Context));
        var answers = Found(document, text);
        var encoding = tokenizer.Tokenizer.Encode(text, addSpecialTokens: false);
        var asked = question.Take(Math.Max(1, length / 2)).ToArray();
        var room = length - _framing.PairTokens - asked.Length;
        if (stride >= room)
            throw new RecordException($"a question of {asked.Length} tokens leaves room for {room} of the text, " +
                $"which is not more than doc_stride: {stride}");
        for (var first = 0; ; first += room - stride)
        {
            var last = Math.Min(first + room, encoding.Count);
            yield return Part(asked, encoding, first..last, (text, answers));
            if (last == encoding.Count) break;
        }
    }

    private Example Part(int[] question, Text.Encoding encoding, Range part, (string Text, List<(string Text, int Start)> Answers) given)
    {
        var (first, last) = (part.Start.Value, part.End.Value);
        var framed = _framing.Pair(question, encoding.Ids.AsSpan(part));
        var before = _framing.Before(pair: true) + question.Length + _framing.Between;
        var (starts, ends) = (new int[framed.Ids.Length], new int[framed.Ids.Length]);
        Array.Fill(starts, -1);
        Array.Fill(ends, -1);
        for (var i = first; i < last; i++) (starts[before + i - first], ends[before + i - first]) = encoding.Offsets[i];
        var (start, end) = (0, 0);
        if (given.Answers is [var answer, ..])
        {
            var stop = answer.Start + answer.Text.Length;
            var from = Array.FindLastIndex(starts, (int at) => at >= 0 && at <= answer.Start);
            var to = Array.FindIndex(ends, at => at >= stop);
            // Inside this part only where both ends are.
            if (from >= 0 && to >= from && ends[from] > answer.Start) (start, end) = (from, to);
        }
        return new(new Dictionary<string, int[]>
        {
            [Batch.Names.InputIds] = framed.Ids, [Batch.Names.TokenTypeIds] = framed.Types,
            [Batch.Names.StartPositions] = [start], [Batch.Names.EndPositions] = [end], [OffsetStarts] = starts, [OffsetEnds] = ends,
            [Context] = first == 0 ? Example.OfText(given.Text) : [],
            [Answers] = first == 0 ? Example.OfText(string.Join('\n', given.Answers.Select(a => a.Text))) : [],
        });
    }

    private List<(string Text, int Start)> Found(Document document, string text)
    {
        if (!document.Has(fields.Answers)) return [];
        var answers = document.Node(fields.Answers) switch
        {
            JsonObject lists when (lists["text"], lists["answer_start"]) is (JsonArray texts, JsonArray starts)
                    && texts.Count == starts.Count
                => texts.Zip(starts).Select(pair => (pair.First, pair.Second)).ToList(),
            JsonArray list when list.All(item => item is JsonObject) => [.. list.Select(item => (item!["text"], item["answer_start"]))],
            var other => throw Document.Wrong(fields.Answers, "lists `text` and `answer_start` of one length", other),
        };
        return [.. answers.Select(answer => Checked(answer, text))];
    }

    private (string Text, int Start) Checked((JsonNode? Text, JsonNode? Start) answer, string text)
    {
        if (answer.Text is not JsonValue given || answer.Start is not JsonValue at || !at.TryGetValue<int>(out var start))
            throw new RecordException($"field '{fields.Answers}' has an answer without a text and a number where it starts");
        // Positions are published in code points; C# counts UTF-16.
        var from = Utf16(text, start);
        return from >= 0 && text.AsSpan(from).StartsWith(given.ToString(), StringComparison.Ordinal) ? (given.ToString(), from)
            : throw new RecordException($"the answer '{given}' does not stand at {start} of '{fields.Context}'");
    }

    private static int Utf16(string text, int codePoints)
    {
        var at = 0;
        for (; codePoints > 0 && at < text.Length; codePoints--) at += char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? 2 : 1;
        return codePoints == 0 ? at : -1;
    }
}
