using System.Text.Json;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Tests;

/// <summary>Against Oniguruma 6.9.10's own answers (tests/fixtures/tokenizers/oniguruma.jsonl).</summary>
public sealed class RegexTests
{
    [Fact]
    public void Patterns_match_what_oniguruma_matches()
    {
        var cases = File.ReadLines(Fixture.Path("oniguruma.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToList();

        Assert.True(cases.Count > 100);
        Assert.All(cases, line =>
        {
            var (pattern, text) = (line.GetProperty("pattern").GetString()!, line.GetProperty("text").GetString()!);
            if (line.GetProperty("replaced").GetString() is { } replaced)
                Assert.Equal($"{pattern}: {replaced}", $"{pattern}: {Replace(pattern, text)}");
            else
                Assert.Throws<TokenizerException>(() => Replace(pattern, text));
        });
    }

    [Theory]
    [InlineData(@"\R")]
    [InlineData(@"a\Kb")]
    [InlineData(@"(a)\1")]
    [InlineData(@"(?<n>a)\k<n>")]
    [InlineData(@"(?W)\w")]
    [InlineData(@"\p{IDS_Binary_Operator}")]
    [InlineData(@"(?i)ssssssssssssssssssssssss")]
    public void What_is_not_supported_is_refused_by_name(string pattern)
    {
        var error = Assert.Throws<TokenizerException>(() => new RegexPattern(pattern));

        Assert.Contains($"'{pattern}' at ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("(a+)+$")]
    [InlineData("(a|aa)+$")]
    [InlineData("(.*)(.*)(.*)(.*)x")]
    [InlineData("(a*)*b")]
    public void A_catastrophic_pattern_ends_in_an_error(string pattern)
    {
        var error = Assert.Throws<TokenizerException>(() => Replace(pattern, new string('a', 5_000) + "!"));

        Assert.Contains("too many steps", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Patterns_scanned_by_hand_match_as_the_general_matcher_does()
    {
        string[] known =
        [
            Gpt2Pattern.Source,
            @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ];
        string[] parts =
            ["a", "Ä", "'", "s", "LL", "ſ", "re", "1", "٣", " ", "  ", "\t", "\r\n", "\n", "\u3000", "!", "…", "😀", "中", "\u0301", "'ve"];
        var random = new Random(7);

        foreach (var pattern in known)
        {
            var (general, byHand) = (new RegexPattern(pattern), KnownPatterns.Find(pattern)!);
            for (var i = 0; i < 1_000; i++)
            {
                var text = Utf8.Bytes(string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => parts[random.Next(parts.Length)])));
                Assert.Equal(All(general, text), All(byHand, text));
            }
        }
    }

    private static List<(int, int)> All(Pattern pattern, byte[] text)
    {
        var matches = new Matches(pattern);
        var all = new List<(int, int)>();
        while (matches.Next(text, out var start, out var end))
            all.Add((start, end));
        return all;
    }

    private static string Replace(string pattern, string text)
    {
        var bytes = Utf8.Bytes(text);
        var (result, done) = ("", 0);
        foreach (var (start, end) in All(new RegexPattern(pattern), bytes))
            (result, done) = (result + Utf8.Text(bytes.AsSpan(done, start - done)) + "#", end);
        return result + Utf8.Text(bytes.AsSpan(done));
    }
}
