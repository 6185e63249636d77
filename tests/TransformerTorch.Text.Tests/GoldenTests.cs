using TransformerTorch.Text.Verification;

namespace TransformerTorch.Text.Tests;

/// <summary>Against the reference library's own answers (tests/fixtures/tokenizers, made by tokenizers 0.23.1).</summary>
public sealed class GoldenTests
{
    public static TheoryData<string> Published => new(
        "bert-cased", "bert-uncased", "gpt2", "llama2", "llama3", "roberta", "t5", "t5-precompiled", "word-level", "xlnet-like");

    public static TheoryData<int> Random => new(Enumerable.Range(1, 24));

    [Theory]
    [MemberData(nameof(Published))]
    public void Pipelines_of_well_known_models_answer_as_the_reference_library(string folder)
    {
        var results = Compare(folder);

        Assert.Equal(9, results.Count);
        Assert.All(results, result => Assert.True(result.Cases >= 100, $"{result.Name}: {result.Cases} cases"));
    }

    /// <summary>Parts put together at random, on random texts: 52 kinds of parts among them.</summary>
    [Theory]
    [MemberData(nameof(Random))]
    public void Pipelines_of_random_parts_answer_as_the_reference_library(int number) => Compare($"random-{number:00}");

    [Theory]
    [InlineData("bert-uncased")]
    [InlineData("roberta")]
    [InlineData("t5")]
    [InlineData("llama3")]
    public void Texts_cut_into_words_beforehand_answer_as_the_reference_library(string folder)
    {
        var results = Compare(folder, "words.jsonl");

        Assert.Contains(results, result => result is { Name: "word ids", Cases: 25 });
        Assert.Contains(results, result => result is { Name: "offsets", Cases: 25 });
    }

    /// <summary>
    /// Truncation to less than the post-processor adds; a prefix for a text whose first spaces were stripped; an added token with the id of
    /// another; bytes decoded after all is one token.
    /// </summary>
    [Theory]
    [InlineData("no-room")]
    [InlineData("stripped")]
    [InlineData("same-id")]
    [InlineData("fused-bytes")]
    public void Corner_cases_answer_as_the_reference_library(string folder) => Compare(folder);

    [Fact]
    public void A_wrong_answer_is_found_and_shown()
    {
        var path = Path.GetTempFileName();
        File.WriteAllText(path, """{"text": "Hello", "ids": [1, 2, 3], "decoded": "x"}""");

        var results = CaseFile.Compare(Tokenizer.FromFile(Path.Combine(Fixture.Path("gpt2"), "tokenizer.json")), path);

        File.Delete(path);
        Assert.Equal(["ids", "ids alone", "decoded", "decoded one by one"], results.Select(result => result.Name));
        Assert.All(results, result => Assert.Equal(1, result.Differ));
        Assert.StartsWith("line 1: [1,2,3] expected, [", results[0].First, StringComparison.Ordinal);
    }

    private static IReadOnlyList<CaseResult> Compare(string folder, string cases = "cases.jsonl")
    {
        var results = CaseFile.Compare(Fixture.Tokenizer(folder), Path.Combine(Fixture.Path(folder), cases));
        Assert.NotEmpty(results);
        Assert.All(results, result => Assert.True(result.Differ == 0, $"{result.Name}: {result.Differ} differ; {result.First}"));
        return results;
    }
}

/// <summary>The folders of tests/fixtures/tokenizers.</summary>
internal static class Fixture
{
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "fixtures", "tokenizers", name);

    public static Tokenizer Tokenizer(string folder) => Text.Tokenizer.FromFile(System.IO.Path.Combine(Path(folder), "tokenizer.json"));
}
