using System.Text.Json.Nodes;
using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
using TransformerTorch.Data.Encoders;
using TransformerTorch.Tests.Support;
using TransformerTorch.Text;

namespace TransformerTorch.Tests.Data;

/// <summary>Truth: what the tokenizers, held to the reference library elsewhere, give themselves; and labels worked out by hand.</summary>
public sealed class EncoderTests
{
    private static readonly TrainedTokenizer _bert = Open("bert-uncased"), _gpt2 = Open("gpt2");

    [Theory]
    [InlineData("bert-uncased")]
    [InlineData("roberta")]
    [InlineData("gpt2")]
    [InlineData("t5")]
    [InlineData("llama3")]
    public void Framed_ids_are_those_that_the_tokenizer_gives_the_text(string name)
    {
        var tokenizer = Open(name);
        var (a, b) = ("Reads a byte.", "And another one");
        Encoding single = tokenizer.Tokenizer.Encode(a), pair = tokenizer.Tokenizer.Encode(a, b);

        var (one, two) = (tokenizer.Framing.One([.. tokenizer.Encode(a)]), tokenizer.Framing.Pair([.. tokenizer.Encode(a)],
            [.. tokenizer.Encode(b)]));

        Assert.Equal(single.Ids, one.Ids);
        Assert.Equal(single.TypeIds, one.Types);
        Assert.Equal(pair.Ids, two.Ids);
        Assert.Equal(pair.TypeIds, two.Types);
        Assert.Equal((single.Count, pair.Count), (tokenizer.Framing.SingleTokens + tokenizer.Encode(a).Length,
            tokenizer.Framing.PairTokens + tokenizer.Encode(a).Length + tokenizer.Encode(b).Length));
    }

    [Theory]
    [InlineData(12)]
    [InlineData(17)]
    [InlineData(40)]
    public void A_pair_is_cut_as_the_tokenizers_own_truncation_cuts_it(int length)
    {
        var own = Fixtures.Tokenizer("bert-uncased");
        own.Truncation = new(length) { Strategy = TruncationStrategy.LongestFirst };
        var encoder = new ClassificationEncoder(_bert, new("a", "b", "label"), length) { Labels = new(["no", "yes"]) };
        string[] texts = ["one two three", "a much longer text that has to be cut somewhere in its second half, or before", "word"];

        foreach (var (a, b) in texts.SelectMany(a => texts.Select(b => (a, b))))
        {
            var example = encoder.Encode(Record(new() { ["a"] = a, ["b"] = b, ["label"] = "yes" })).Single();
            Assert.Equal(own.Encode(a, b).Ids, example.Ids);
            Assert.Equal([1], example[Batch.Names.Labels]!);
        }
    }

    /// <summary>Truth: the frame of the same tokenizer whose file says nothing of it.</summary>
    [Fact]
    public void A_frame_is_learnt_without_what_the_file_cuts_off_and_fills_up()
    {
        using var folder = new TemporaryFolder();
        var saved = Fixtures.Tokenizer("bert-uncased");
        (saved.Truncation, saved.Padding) = (new Text.Truncation(3), new Text.Padding { Length = 16 });
        saved.Save(folder["tokenizer.json"]);
        var framing = TrainedTokenizer.Open(folder.Root).Framing;
        Assert.Equal(_bert.Framing.Pair([7, 8], [9]).Ids, framing.Pair([7, 8], [9]).Ids);
        Assert.Equal(_bert.Framing.PairTokens, framing.PairTokens);
    }

    [Fact]
    public void Classes_several_classes_and_values_become_labels_and_others_are_refused_by_name()
    {
        ClassificationEncoder Of(ClassificationKind kind)
            => new(_bert, new("text", null, "label"), 16) { Kind = kind, Labels = new(["a", "b", "c"]) };
        Example Encode(ClassificationKind kind, JsonNode label)
            => Of(kind).Encode(Record(new() { ["text"] = "x", ["label"] = label })).Single();
        float[] Values(Example example) => [.. example[Batch.Names.Labels]!.Select(BitConverter.Int32BitsToSingle)];

        Assert.Equal([2], Encode(ClassificationKind.SingleLabelClassification, "c")[Batch.Names.Labels]!);
        Assert.Equal([1f, 0, 1], Values(Encode(ClassificationKind.MultiLabelClassification, new JsonArray("c", "a"))));
        Assert.Equal([2.5f], Values(Encode(ClassificationKind.Regression, 2.5)));
        Assert.Equal([2.5f], Values(Encode(ClassificationKind.Regression, "2.5")));
        Assert.Contains("'d', which is none of the labels: a, b, c", Assert.Throws<RecordException>(
            () => Encode(ClassificationKind.SingleLabelClassification, "d")).Message, StringComparison.Ordinal);
        Assert.Contains("expected a number", Assert.Throws<RecordException>(
            () => Encode(ClassificationKind.Regression, "much")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_words_class_stands_at_its_first_token_or_at_all()
    {
        string[] words = ["HttpClient", "reads", "unbelievably", "."], tags = ["B", "O", "O", "O"];
        var record = Record(new() { ["tokens"] = Json(words), ["tags"] = Json(tags) });
        Example Encode(bool all) => new TokenClassificationEncoder(_bert, ("tokens", "tags"), new(["O", "B"]), 64) { LabelsAllTokens = all }
            .Encode(record).Single();
        var expected = _bert.Tokenizer.EncodeWords(words);

        var (first, every) = (Encode(all: false), Encode(all: true));

        Assert.Equal(expected.Ids, first.Ids);
        for (var i = 0; i < expected.Count; i++)
        {
            var word = expected.WordIds[i];
            var label = word is null ? -100 : tags[word.Value] == "B" ? 1 : 0;
            Assert.Equal(label, every[Batch.Names.Labels]![i]);
            Assert.Equal(i > 0 && expected.WordIds[i - 1] == word ? -100 : label, first[Batch.Names.Labels]![i]);
        }
        Assert.True(expected.Count > words.Length + 2);
    }

    [Theory]
    [InlineData(24, 4)]
    [InlineData(30, 10)]
    [InlineData(400, 64)]
    public void A_long_text_is_cut_into_parts_that_share_a_stride_and_each_knows_whether_it_holds_the_answer(int length, int stride)
    {
        const string context = "The quick brown fox jumps over the lazy dog. "
            + "It was a bright day in April, and the clocks were striking thirteen; "
            + "nobody on the farm remembered when the old mill had burnt down, but Ümlaut 🦊 Nikolaus said it was in 1912.";
        const string answer = "Nikolaus";
        var codePoints = context[..context.IndexOf(answer, StringComparison.Ordinal)].EnumerateRunes().Count();
        var record = Record(new()
        {
            ["question"] = "Who said it?", ["context"] = context,
            ["answers"] = new JsonObject { ["text"] = new JsonArray(answer), ["answer_start"] = new JsonArray(codePoints) },
        });
        var parts = new QuestionEncoder(_bert, new("question", "context", "answers"), length, stride).Encode(record).ToList();

        // Put together without what they share, they are the pair as the tokenizer encodes it whole.
        var before = _bert.Framing.Before(pair: true) + _bert.Encode("Who said it?").Length + _bert.Framing.Between;
        var after = _bert.Framing.PairTokens - _bert.Framing.Before(pair: true) - _bert.Framing.Between;
        int[] whole = [.. parts.SelectMany((part, i) => part.Ids[(before + (i == 0 ? 0 : stride))..^after])];
        int[] joined = [.. parts[0].Ids[..before], .. whole, .. parts[0].Ids[^after..]];
        Assert.Equal(_bert.Tokenizer.Encode("Who said it?", context).Ids, joined);
        Assert.All(parts[..^1], part => Assert.Equal(length, part.Ids.Length));
        Assert.All(parts.Zip(parts.Skip(1)), pair => Assert.Equal(
            pair.First.Ids[^(after + stride)..^after], pair.Second.Ids[before..(before + stride)]));
        var found = 0;
        foreach (var part in parts)
        {
            var (from, to) = (part[Batch.Names.StartPositions]![0], part[Batch.Names.EndPositions]![0]);
            if (from == 0) continue;
            found++;
            Assert.Equal(answer, context[part[QuestionEncoder.OffsetStarts]![from]..part[QuestionEncoder.OffsetEnds]![to]]);
        }
        Assert.InRange(found, 1, parts.Count);
        Assert.Equal(context, parts[0].Text(QuestionEncoder.Context));
        Assert.Equal(answer, parts[0].Text(QuestionEncoder.Answers));
    }

    [Fact]
    public void The_answer_is_the_best_span_of_all_parts_that_lies_in_the_text_and_is_not_too_long()
    {
        const string context = "one two three four five six seven eight nine ten eleven twelve";
        var record = Record(new() { ["question"] = "which?", ["context"] = context });
        var parts = new QuestionEncoder(_bert, new("question", "context", "answers"), 16, 2).Encode(record).ToList();
        var second = parts[1];
        var (from, to) = (Array.FindIndex(second[QuestionEncoder.OffsetStarts]!, at => at >= 0) + 2, second.Ids.Length - 3);

        string Answer(AnswerReader reader, float none, params (int Part, int Start, int End, float Score)[] spans)
        {
            var scored = parts.Select(p => new ScoredPart(p, new float[p.Ids.Length], new float[p.Ids.Length])).ToList();
            foreach (var part in scored) part.Start[0] = part.End[0] = none;
            foreach (var (part, start, end, score) in spans) scored[part].Start[start] = scored[part].End[end] = score;
            return reader.Read(scored).Single().Answer;
        }
        var expected = context[second[QuestionEncoder.OffsetStarts]![from]..second[QuestionEncoder.OffsetEnds]![to]];

        Assert.Equal(expected, Answer(new(), 0, (1, from, to, 5)));
        Assert.Equal(expected, Answer(new(), 9, (1, from, to, 5)));          // the first token is no part of the text
        Assert.Equal("", Answer(new() { AllowsNone = true }, 9, (1, from, to, 5)));
        Assert.NotEqual(expected, Answer(new() { MaxAnswerLength = to - from }, 0, (1, from, to, 5)));
        Assert.Equal(expected, Answer(new(), 0, (1, from, to, 5), (0, 1, 2, 9)));     // in the question
    }

    [Fact]
    public void An_answer_that_does_not_stand_where_it_is_said_to_is_malformed()
    {
        var record = Record(new()
        {
            ["question"] = "q", ["context"] = "some text",
            ["answers"] = new JsonArray(new JsonObject { ["text"] = "text", ["answer_start"] = 3 }),
        });

        var error = Assert.Throws<RecordException>(() => new QuestionEncoder(_bert, new("question", "context", "answers"), 32, 4)
            .Encode(record).ToList());
        Assert.Equal("the answer 'text' does not stand at 3 of 'context'", error.Message);
    }

    [Theory]
    [InlineData(ChatTargets.Assistant, "good morning<|im_end|>|fine<|im_end|>")]
    [InlineData(ChatTargets.LastTurn, "fine<|im_end|>")]
    public void Only_the_assistants_words_are_learnt_with_and_without_generation_marks(ChatTargets targets, string expected)
    {
        var unmarked = ChatEncoder.ChatMl.Replace("{% generation %}", "", StringComparison.Ordinal)
            .Replace("{% endgeneration %}", "", StringComparison.Ordinal);
        var record = Record(new()
        {
            ["messages"] = new JsonArray(Message("user", "hello"), Message("assistant", "good morning"), Message("user", "how are you"),
                Message("assistant", "fine")),
        });

        Example Encode(string template) => new ChatEncoder(_gpt2, 512) { Targets = targets, Template = template }.Encode(record).Single();
        string Learnt(Example example)
        {
            var runs = new List<List<int>>();
            var labels = example[Batch.Names.Labels]!;
            for (var i = 0; i < labels.Length; i++)
            {
                if (labels[i] == -100) continue;
                Assert.Equal(example.Ids[i], labels[i]);
                if (i == 0 || labels[i - 1] == -100) runs.Add([]);
                runs[^1].Add(labels[i]);
            }
            return string.Join('|', runs.Select(run => _gpt2.Tokenizer.Decode(run)));
        }

        Assert.Equal(expected, Learnt(Encode(ChatEncoder.ChatMl)));
        Assert.Equal(expected, Learnt(Encode(unmarked)).Replace("<|im_end|>\n", "<|im_end|>", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_a_prompt_and_its_completion_the_completion_and_the_end_mark_are_learnt()
    {
        var example = new ChatEncoder(_gpt2, 64)
            .Encode(Record(new() { ["prompt"] = "two plus two is", ["completion"] = " four" })).Single();

        Assert.Equal([.. _gpt2.Encode("two plus two is"), .. _gpt2.Encode(" four"), _gpt2.EndMark], example.Ids);
        Assert.Equal([.. _gpt2.Encode(" four"), _gpt2.EndMark], example[Batch.Names.Labels]!.Where(label => label != -100));
    }

    [Fact]
    public void Words_and_sentences_are_marked_where_they_begin()
    {
        const string text = "Reads a byte. Returns -1 at the end, e.g. of files. Throws!\nNew line";
        var encoder = new TextEncoder(_bert, "text", TextMarks.Words | TextMarks.Sentences);

        var example = encoder.Encode(new Document(text)).Single();

        var encoding = _bert.Tokenizer.Encode(text, addSpecialTokens: false);
        var sentences = Enumerable.Range(0, encoding.Count).Where(i => example[DenoisingCollator.SentenceStarts]![i] == 1)
            .Select(i => encoding.Offsets[i].Start);
        Assert.Equal([0, text.IndexOf("Returns", StringComparison.Ordinal), text.IndexOf("Throws", StringComparison.Ordinal),
            text.IndexOf("New", StringComparison.Ordinal)], sentences);
        Assert.Equal(encoding.Tokens.Select(t => t.StartsWith("##", StringComparison.Ordinal) ? 0 : 1).Append(1),
            example[MaskedCollator.WordStarts]!);
    }

    [Fact]
    public void Half_of_the_sentence_pairs_are_wrong_and_every_pass_cuts_anew()
    {
        using var folder = new TemporaryFolder();
        int[] ids = [.. Enumerable.Range(0, 40)];
        using var file = TokenData.Of(folder, [.. Enumerable.Range(0, 50).Select(d => new Example(new Dictionary<string, int[]>
        {
            [Batch.Names.InputIds] = [.. ids.Select(i => d * 100 + i), 9999],
            [DenoisingCollator.SentenceStarts] = [.. ids.Select(i => i % 8 == 0 ? 1 : 0), 0],
        }))]);
        SentencePairs next = new(file, PairTask.NextSentence, 100, 1), order = new(file, PairTask.SentenceOrder, 100, 1);
        var wrong = 0;
        for (var epoch = 0; epoch < 8; epoch++)
        {
            for (var i = 0; i < 50; i++)
            {
                var (pair, swapped) = (next.Read(i, epoch), order.Read(i, epoch));
                var (cut, label) = (pair[MaskedCollator.Second]![0], pair[Batch.Names.NextSentenceLabel]![0]);
                Assert.Equal(0, cut % 8);
                Assert.Equal(label == 0, pair.Ids[cut] == pair.Ids[cut - 1] + 1);
                Assert.Equal(label == 0, pair.Ids[cut] / 100 == pair.Ids[0] / 100);
                Assert.Equal(swapped[Batch.Names.NextSentenceLabel]![0] == 0, swapped.Ids[0] % 100 == 0);
                Assert.Equal(ids.Select(id => i * 100 + id), swapped.Ids.Order());
                wrong += label;
            }
        }
        Assert.InRange(wrong, 150, 250);    // five standard deviations
        Assert.NotEqual(Enumerable.Range(0, 50).Select(i => next.Read(i, 0)[MaskedCollator.Second]![0]),
            Enumerable.Range(0, 50).Select(i => next.Read(i, 1)[MaskedCollator.Second]![0]));
    }

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };

    private static JsonArray Json(string[] items) => new([.. items.Select(item => (JsonNode?)item)]);

    private static Document Record(JsonObject fields) => new(fields);

    private static TrainedTokenizer Open(string name) => TrainedTokenizer.Open(Path.Combine(Fixtures.Root, "tokenizers", name));
}
