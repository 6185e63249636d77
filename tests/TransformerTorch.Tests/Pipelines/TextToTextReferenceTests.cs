using System.Text.Json.Nodes;
using TransformerTorch.Generation;
using TransformerTorch.Pipelines;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Pipelines;

/// <summary>
/// Summaries and translations. Truth: Transformers' generate() and tokenizer over the same folders, with a task's keys and prefix as its
/// pipelines take them from config.json (tests/fixtures/pipelines/generation/make.py).
/// </summary>
public sealed class TextToTextReferenceTests
{
    private static readonly string _root = Path.Combine(Fixtures.Root, "pipelines", "generation");
    private static readonly JsonObject _expected = JsonNode.Parse(File.ReadAllText(Path.Combine(_root, "expected.json")))!.AsObject();
    private static readonly string[] _texts = [.. _expected["texts"]!.AsArray().Select(t => $"{t}")];

    [Theory]
    [InlineData("bart", null, "summarization")]
    [InlineData("t5", null, "summarization")]
    [InlineData("t5", "summarize : ", "summarization")]
    [InlineData("t5", "", "plain")]
    public void Summaries_are_the_references(string model, string? prefix, string task)
    {
        using var summarizer = Summarization.Load(Path.Combine(_root, model), prefix);
        Same(summarizer, model, task);
    }

    [Theory]
    [InlineData("marian", null, "plain")]
    [InlineData("t5", null, "plain")]       // two tasks of that kind, and none is named
    [InlineData("t5", "translate english to german : ", "translation_en_to_de")]
    [InlineData("t5", "translate english to a : ", "translation_en_to_a")]
    public void Translations_are_the_references(string model, string? prefix, string task)
    {
        using var translator = Translation.Load(Path.Combine(_root, model), prefix);
        Same(translator, model, task);
    }

    [Theory]
    [InlineData("bart")]
    [InlineData("t5")]
    [InlineData("marian")]
    public void Texts_of_no_task_are_the_references(string model)
    {
        using var generation = TextGeneration.Load(Path.Combine(_root, model));
        Same(generation, model, "plain");
    }

    [Fact]
    public void Options_of_ones_own_are_not_the_tasks()
    {
        using var summarizer = Summarization.Load(Path.Combine(_root, "t5"));
        Assert.Equal((3, 12, 4), (summarizer.Defaults.Beams, summarizer.Defaults.MaxLength, summarizer.Defaults.MinLength));
        var own = summarizer.Run(_texts[0], new GenerationOptions { Temperature = 0, MaxNewTokens = 1 });
        Assert.NotEqual(summarizer.Run(_texts[0]), own);
    }

    private static void Same(TextToText made, string model, string task)
        => Assert.Equal(_expected[model]![task]!.AsArray().Select(r => $"{r!["text"]}".Trim()), made.Run(_texts));
}
