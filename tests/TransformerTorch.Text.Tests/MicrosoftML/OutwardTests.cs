using System.Buffers;
using System.Text.Json;
using TransformerTorch.Text.MicrosoftML;

namespace TransformerTorch.Text.Tests.MicrosoftML;

/// <summary>Our tokenizers through Microsoft.ML.Tokenizers' class, against the reference library's answers.</summary>
public sealed class OutwardTests
{
    private const string Mixed = "Hello 😀 wörld, 中文字 and isn't it?";

    public static TheoryData<string> Goldens => GoldenTests.Published;

    [Theory]
    [MemberData(nameof(Goldens))]
    public void Ids_tokens_and_texts_are_those_of_the_goldens(string folder)
    {
        var ours = Fixture.Tokenizer(folder);
        var (outward, bare) = (ours.AsMicrosoftTokenizer(), ours.AsMicrosoftTokenizer(new() { AddSpecialTokens = false }));
        foreach (var line in File.ReadLines(Path.Combine(Fixture.Path(folder), "cases.jsonl")))
        {
            using var document = JsonDocument.Parse(line);
            var golden = document.RootElement;
            if (golden.TryGetProperty("pair", out var pair) && pair.ValueKind == JsonValueKind.String)
                continue;
            var text = golden.GetProperty("text").GetString()!;
            var used = !golden.TryGetProperty("add_special", out var add) || add.GetBoolean() ? outward : bare;
            int[] ids = [.. golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

            Assert.Equal(ids, used.EncodeToIds(text));
            Assert.Equal(ids, used.EncodeToTokens(text, out _).Select(token => token.Id));
            Assert.Equal(ids.Length, used.CountTokens(text));
            Assert.Equal(golden.GetProperty("decoded").GetString(), used.Decode(ids));
        }
    }

    [Theory]
    [MemberData(nameof(Goldens))]
    public void As_many_tokens_as_fit_are_those_of_the_text_up_to_the_index(string folder)
    {
        var tokenizer = Fixture.Tokenizer(folder).AsMicrosoftTokenizer();
        var all = tokenizer.EncodeToTokens(Mixed, out _);
        for (var limit = 1; limit <= all.Count + 1; limit++)
        {
            var index = tokenizer.GetIndexByTokenCount(Mixed, limit, out var normalized, out var count);
            var ids = tokenizer.EncodeToIds(Mixed, limit, out _, out var consumed);

            Assert.Null(normalized);
            Assert.Equal((index, count), (consumed, ids.Count));
            Assert.InRange(count, 0, limit);
            Assert.Equal(all.Take(count).Select(token => token.Id), ids);
            Assert.All(all.Take(count), token => Assert.InRange(token.Offset.End.Value, 0, index));
            Assert.All(all.Skip(count).Where(token => !token.Offset.Start.Equals(token.Offset.End)),
                token => Assert.InRange(token.Offset.Start.Value, index, Mixed.Length));
            Assert.False(index < Mixed.Length && char.IsLowSurrogate(Mixed[index]));

            var from = tokenizer.GetIndexByTokenCountFromEnd(Mixed, limit, out _, out var last);
            Assert.All(all.TakeLast(last).Where(token => !token.Offset.Start.Equals(token.Offset.End)),
                token => Assert.InRange(token.Offset.Start.Value, from, Mixed.Length));
            Assert.False(from < Mixed.Length && char.IsLowSurrogate(Mixed[from]));
        }
        Assert.Equal(Mixed.Length, tokenizer.GetIndexByTokenCount(Mixed, 1000, out _, out var total));
        Assert.Equal(all.Count, total);
        Assert.Equal(0, tokenizer.GetIndexByTokenCountFromEnd(Mixed, 1000, out _, out _));
    }

    [Fact]
    public void Decoding_into_a_small_span_says_how_far_it_came()
    {
        var tokenizer = Fixture.Tokenizer("gpt2").AsMicrosoftTokenizer();
        var ids = tokenizer.EncodeToIds(Mixed);
        var whole = new char[Mixed.Length];

        Assert.Equal(OperationStatus.Done, tokenizer.Decode(ids, whole, out var consumed, out var written));
        Assert.Equal((ids.Count, Mixed.Length, Mixed), (consumed, written, new string(whole)));
        Assert.Equal(OperationStatus.DestinationTooSmall, tokenizer.Decode(ids, new char[9], out consumed, out written));
        Assert.Equal(Mixed[..written], tokenizer.Decode(ids.Take(consumed)));
        Assert.InRange(written, 6, 9);
    }

    [Fact]
    public void What_cannot_be_switched_off_is_refused()
    {
        var tokenizer = Fixture.Tokenizer("gpt2").AsMicrosoftTokenizer();

        Assert.Throws<NotSupportedException>(() => tokenizer.EncodeToIds("a", considerNormalization: false));
        Assert.Throws<NotSupportedException>(() => tokenizer.CountTokens("a", considerPreTokenization: false));
    }
}
