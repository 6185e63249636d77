using System.Text.Json.Nodes;
using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
using TransformerTorch.Data.Encoders;
using TransformerTorch.Generation;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using TransformerTorch.Training.Evaluation;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Training;

/// <summary>Scores of planted predictions. Truth: worked out by hand.</summary>
public sealed class ScorerTests
{
    private static readonly TrainedTokenizer _bert = TrainedTokenizer.Open(Path.Combine(Fixtures.Root, "tokenizers", "bert-uncased"));

    [Theory]
    [InlineData("eleven", true, 100)]    // the best of all parts, in one batch or in two
    [InlineData("eleven", false, 100)]
    [InlineData("two", true, 0)]
    public void A_question_over_several_parts_of_a_text_is_scored_once_by_its_best_answer(string planted, bool together, double expected)
    {
        const string context = "one two three four five six seven eight nine ten eleven twelve";
        var parts = Parts(context, "eleven");
        Assert.True(parts.Count > 1);
        var scorer = new AnswerScorer();

        foreach (var batch in together ? [parts] : parts.Chunk(1).Select(part => part.ToList()))
            Add(scorer, batch, part => Where(part, context, planted));

        Assert.Equal([("exact_match", expected), ("f1", expected)], scorer.Scores());
    }

    [Fact]
    public void Questions_may_be_left_without_an_answer_where_some_have_none()
    {
        var scorer = new AnswerScorer();

        foreach (var parts in new[] { Parts("one two three", "two"), Parts("four five six", null) })
            Add(scorer, parts, part => part[QuestionEncoder.Answers] is [] ? (0, 0) : Where(part, "one two three", "two"));

        Assert.Equal([("exact_match", 100d), ("f1", 100d)], scorer.Scores());
    }

    [Fact]
    public void Replaced_tokens_are_scored_without_padding()
    {
        var columns = new Dictionary<string, Column>
        {
            [Batch.Names.InputIds] = Column.Of(new long[8], 2, 4),
            [Batch.Names.AttentionMask] = Column.Of([1, 1, 1, 1, 1, 1, 0, 0], 2, 4),
        };
        using var batch = new DeviceBatch(new(columns) { TargetCount = 6, TokenCount = 6 }, CPU);
        using var logits = tensor(new float[] { 1, 1, -1, -1, -1, 2, 3, -3 }).view(2, 4);
        using var replaced = tensor(new long[] { 1, 0, 1, 0, 0, 1, 0, 1 }).view(2, 4);
        var scorer = new DetectionScorer();

        scorer.Add(batch, () => new Dictionary<string, Tensor> { ["logits"] = logits, [ReplacedTokenDetection.Replaced] = replaced });

        // Of six tokens four are right; three are said to be replaced and three are, two of them the same.
        Assert.All(scorer.Scores(), score => Assert.Equal(2 / 3d, score.Item2, 1e-12));
        Assert.Equal(["accuracy", "f1", "precision", "recall"], scorer.Scores().Select(score => score.Item1));
    }

    [Fact]
    public void Texts_are_written_with_the_likeliest_token_each_time()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var model = (SequenceToSequenceModel)PretrainedModel.Create(ModelConfig.FromKeys(new JsonObject
        {
            ["model_type"] = "t5", ["vocab_size"] = _bert.Tokenizer.VocabularySize, ["d_model"] = 16, ["d_kv"] = 8, ["num_heads"] = 2,
            ["d_ff"] = 32, ["num_layers"] = 1, ["decoder_start_token_id"] = 0, ["pad_token_id"] = 0, ["eos_token_id"] = 1,
            ["architectures"] = new JsonArray("T5ForConditionalGeneration"),
        }, "test"));
        model.InitializeWeights();
        model.eval();
        int[][] sources = [[5, 6, 7], [8, 9, 10]];
        var greedy = new TokenGenerator(model).Generate(sources, new() { MaxNewTokens = 8, Temperature = 0 });
        var width = greedy.Max(g => g.Length);
        long[] labels = [.. greedy.SelectMany(g => g.Select(id => (long)id).Concat(Enumerable.Repeat(-100L, width - g.Length)))];
        using var batch = new DeviceBatch(new(new Dictionary<string, Column>
        {
            [Batch.Names.InputIds] = Column.Of([.. sources.SelectMany(s => s.Select(id => (long)id))], 2, 3),
            [Batch.Names.Labels] = Column.Of(labels, 2, width),
        })
        {
            TargetCount = 2 * width, TokenCount = 6,
        }, CPU);
        var scorer = new TextScorer(model, _bert.Tokenizer, new(MaxNewTokens: 8, Beams: 1));

        scorer.Add(batch, () => throw new InvalidOperationException("scores are not asked for"));

        Assert.Equal(1, scorer.Scores().Single(s => s.Item1 == "exact_match").Item2);
    }

    private static List<Example> Parts(string context, string? answer)
    {
        var record = new JsonObject { ["question"] = "which?", ["context"] = context };
        if (answer is not null)
            record["answers"] = new JsonArray(new JsonObject
            {
                ["text"] = answer, ["answer_start"] = context.IndexOf(answer, StringComparison.Ordinal),
            });
        return [.. new QuestionEncoder(_bert, new("question", "context", "answers"), 16, 2).Encode(new(record))];
    }

    // The first and the last token of a word; null where the part has not both.
    private static (int First, int Last)? Where(Example part, string context, string word)
    {
        var at = context.IndexOf(word, StringComparison.Ordinal);
        var first = Array.IndexOf(part[QuestionEncoder.OffsetStarts]!, at);
        var last = Array.IndexOf(part[QuestionEncoder.OffsetEnds]!, at + word.Length);
        return first > 0 && last > 0 ? (first, last) : null;
    }

    // Scores of 5 where an answer is said to begin and to end, else 0.
    private static void Add(AnswerScorer scorer, List<Example> parts, Func<Example, (int First, int Last)?> answer)
    {
        using var batch = new DeviceBatch(new PaddingCollator(LabelKind.Span, padding: 0).Collate(parts, SplitMix.Of(0)), CPU);
        var width = (int)batch[Batch.Names.InputIds].shape[1];
        var (starts, ends) = (new float[parts.Count, width], new float[parts.Count, width]);
        foreach (var (part, i) in parts.Select((part, i) => (part, i)))
            if (answer(part) is var (first, last)) (starts[i, first], ends[i, last]) = (5, 5);
        using var scope = NewDisposeScope();
        scorer.Add(batch, () => new Dictionary<string, Tensor> { ["start_logits"] = tensor(starts), ["end_logits"] = tensor(ends) });
    }
}
