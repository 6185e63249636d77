using System.Text.Json.Nodes;
using TransformerTorch.Generation;
using TransformerTorch.Pipelines;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Pipelines;

/// <summary>Truth: Transformers' pipelines over the same folders (tests/fixtures/pipelines/make.py).</summary>
public sealed class PipelineTests
{
    private const double Tolerance = 2e-5;
    private static readonly string _root = Path.Combine(Fixtures.Root, "pipelines");
    private static readonly JsonObject _expected = JsonNode.Parse(File.ReadAllText(Path.Combine(_root, "expected.json")))!.AsObject();

    private static string[] Texts => Strings(_expected["texts"]!);

    [Theory]
    [InlineData("text-classification")]
    [InlineData("multi-label")]
    [InlineData("regression")]
    public void Texts_get_the_references_labels_and_scores(string name)
    {
        using var classifier = TextClassification.Load(Path.Combine(_root, name));
        var results = classifier.Run(Texts);
        foreach (var (result, expected) in results.Zip(_expected[name]!.AsArray())) Same(expected!.AsArray(), result);
        Same(_expected[name]![1]!.AsArray(), classifier.Run(Texts[1]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Labels_thought_of_just_now_get_the_references_scores(bool several)
    {
        using var classifier = ZeroShotClassification.Load(Path.Combine(_root, "zero-shot"));
        var zero = _expected["zero-shot"]!;
        var results = classifier.Run(Texts, Strings(zero["labels"]!), several);
        foreach (var (result, expected) in results.Zip(zero[several ? "several" : "one"]!.AsArray()))
        {
            // Some scores differ in their last bit alone: labels are compared by name.
            var scores = Strings(expected!["labels"]!).Zip(expected["scores"]!.AsArray()).OrderBy(l => l.First, StringComparer.Ordinal);
            Close(scores.Select(s => s.Second!.GetValue<double>()),
                result.OrderBy(l => l.Label, StringComparer.Ordinal).Select(l => l.Score));
            Assert.Equal(result.Select(l => l.Score).OrderDescending(), result.Select(l => l.Score));
        }
        Assert.Throws<ArgumentException>(() => classifier.Run(Texts, []));
    }

    [Fact]
    public void Masks_are_filled_as_the_reference_fills_them()
    {
        using var filler = FillMask.Load(Path.Combine(_root, "fill-mask"));
        var (texts, all) = (Strings(_expected["fill-mask"]!["texts"]!), _expected["fill-mask"]!["results"]!.AsArray());
        var results = filler.Run(texts, count: 4);
        for (var i = 0; i < texts.Length; i++)
        {
            JsonArray[] masks = all[i]![0] is JsonArray ? [.. all[i]!.AsArray().Select(m => m!.AsArray())] : [all[i]!.AsArray()];
            Assert.Equal(masks.Length, results[i].Length);
            foreach (var (expected, fillings) in masks.Zip(results[i]))
            {
                Assert.Equal(expected.Select(f => ($"{f!["token_str"]}", $"{f["sequence"]}")), fillings.Select(f => (f.Text, f.Sequence)));
                Close(expected.Select(f => f!["score"]!.GetValue<double>()), fillings.Select(f => f.Score));
            }
        }
        var error = Assert.Throws<ArgumentException>(() => filler.Run("nothing hidden"));
        Assert.Contains("no [MASK] in", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Aggregation.None)]
    [InlineData(Aggregation.Simple)]
    [InlineData(Aggregation.First)]
    [InlineData(Aggregation.Average)]
    [InlineData(Aggregation.Max)]
    public void Names_are_found_and_put_together_as_the_reference_does(Aggregation aggregation)
    {
        using var tagger = TokenClassification.Load(Path.Combine(_root, "token-classification"));
        var all = _expected["token-classification"]![aggregation.ToString().ToLowerInvariant()]!.AsArray();
        var results = tagger.Run(Texts, aggregation);
        var key = aggregation == Aggregation.None ? "entity" : "entity_group";
        foreach (var (result, expected) in results.Zip(all))
        {
            Assert.Equal(
                expected!.AsArray().Select(e => ($"{e![key]}", $"{e["word"]}", e["start"]!.GetValue<int>(), e["end"]!.GetValue<int>())),
                result.Select(e => (e.Label, e.Word, e.Start, e.End)));
            Close(expected.AsArray().Select(e => e!["score"]!.GetValue<double>()), result.Select(e => e.Score));
        }
        Assert.Contains(results, r => r.Count > 1);
    }

    [Fact]
    public void Answers_are_the_likeliest_spans_of_the_context()
    {
        using var answerer = QuestionAnswering.Load(Path.Combine(_root, "question-answering"));
        var asked = _expected["question-answering"]!.AsArray();
        var results = answerer.Run([.. asked.Select(a => ($"{a!["question"]}", $"{a["context"]}"))], count: 3);
        foreach (var (expected, answers) in asked.Zip(results))
        {
            var wanted = expected!["answers"]!.AsArray();
            Assert.Equal(wanted.Select(a => ($"{a!["answer"]}", a["start"]!.GetValue<int>())), answers.Select(a => (a.Text, a.Start)));
            Close(wanted.Select(a => a!["score"]!.GetValue<double>()), answers.Select(a => a.Score));
        }
    }

    [Fact]
    public void A_context_too_long_for_the_model_is_read_in_parts()
    {
        using var answerer = QuestionAnswering.Load(Path.Combine(_root, "question-answering"));
        var context = string.Join(' ', Enumerable.Repeat("the dog sat on a mat.", 30));
        var answer = answerer.Run("where?", context);
        Assert.Equal(context[answer.Start..answer.End], answer.Text);
        Assert.InRange(answer.Score, 1e-6, 1);
    }

    /// <summary>Truth: every token of the context is looked at, the last one too.</summary>
    [Fact]
    public void A_context_of_many_parts_is_read_to_its_end()
    {
        using var answerer = QuestionAnswering.Load(Path.Combine(_root, "question-answering"));
        var context = string.Join(' ', Enumerable.Repeat("the dog sat on a mat .", 150)); // 1050 tokens
        var answers = answerer.Run([("where?", context)], count: int.MaxValue, most: 1)[0];
        Assert.Equal(1050, answers.Count);
        Assert.Equal(context.Length, answers.Max(a => a.End));
    }

    [Fact]
    public void Likeness_is_the_cosine_of_the_vectors()
    {
        using var similarity = SentenceSimilarity.Load(Path.Combine(Fixtures.Root, "sentences"));
        var scores = similarity.Run("a cat", ["a cat", "the weather is fine"]);
        Assert.Equal(1, scores[0], 1e-5);
        Assert.InRange(scores[1], -1, 0.99999);
        Assert.Equal(0, similarity.Rank("a cat", ["the weather", "a cat"])[1].Index);
    }

    [Fact]
    public void Texts_of_texts_do_not_depend_on_their_neighbours()
    {
        using var folder = Summarizer();
        using var summarizer = Summarization.Load(folder.Root, "a dog ");
        var options = new GenerationOptions { Temperature = 0, MaxNewTokens = 6 };

        var together = summarizer.Run(["cat", "a cat sat on the mat", "the dog"], options);

        Assert.Equal(summarizer.Run("a cat sat on the mat", options), together[1]);
        Assert.Equal(summarizer.Run("cat", options), together[0]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Texts_of_texts_end_before_a_stop_text(int beams)
    {
        using var folder = Summarizer();
        using var summarizer = Summarization.Load(folder.Root);
        var options = new GenerationOptions { Temperature = 0, Beams = beams, MaxNewTokens = 8 };
        var free = summarizer.Run("the dog", options);
        var (stop, other) = (free[^1..], "no such text");

        var stopped = summarizer.Run(["the dog", "cat"], options with { StopTexts = [other, stop] });

        Assert.Equal(free[..free.IndexOf(stop, StringComparison.Ordinal)].Trim(), stopped[0]);
        Assert.DoesNotContain(stop, stopped[1], StringComparison.Ordinal);
        Assert.Equal(free, summarizer.Run("the dog", options with { StopTexts = [other] }));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Texts_of_texts_stop_between_tokens_when_cancelled(int beams)
    {
        using var folder = Summarizer();
        using var summarizer = Summarization.Load(folder.Root);
        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        var options = new GenerationOptions { Temperature = 0, Beams = beams, MaxNewTokens = 100_000, EndTokens = [] };
        string[] texts = [.. Enumerable.Range(0, 100_000).Select(i => string.Concat(Enumerable.Repeat("cat ", 1 + (i % 20))))];

        Assert.Throws<OperationCanceledException>(() => summarizer.Run(texts, options, source.Token));
    }

    private static TemporaryFolder Summarizer()
    {
        var folder = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(Fixtures.Model("t5"))) File.Copy(file, folder[Path.GetFileName(file)]);
        File.Copy(Path.Combine(Fixtures.Root, "pipelines", "fill-mask", "tokenizer.json"), folder["tokenizer.json"], overwrite: true);
        return folder;
    }

    private static void Same(JsonArray expected, IReadOnlyList<LabelScore> actual)
    {
        Assert.Equal(expected.Select(l => $"{l!["label"]}"), actual.Select(l => l.Label));
        Close(expected.Select(l => l!["score"]!.GetValue<double>()), actual.Select(l => l.Score));
    }

    private static void Close(IEnumerable<double> expected, IEnumerable<float> actual)
        => Assert.Equal(expected, actual.Select(a => (double)a), (a, b) => Math.Abs(a - b) <= Tolerance);

    private static string[] Strings(JsonNode list) => [.. list.AsArray().Select(t => $"{t}")];
}
