using System.Text.Json;

namespace TransformerTorch.Text.Tests;

/// <summary>Against the sentencepiece library's own answers (tests/fixtures/tokenizers, made by sentencepiece 0.2).</summary>
public sealed class SentencePieceTests
{
    public static TheoryData<string> Folders => new("sentencepiece-bpe", "sentencepiece-unigram");

    [Theory]
    [MemberData(nameof(Folders))]
    public void Ids_pieces_and_decodings_are_the_sentencepiece_librarys(string folder)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "fixtures", "tokenizers", folder);
        var tokenizer = Tokenizer.FromSentencePiece(Path.Combine(path, "spiece.model"));

        var failures = File.ReadLines(Path.Combine(path, "cases.jsonl")).Select(line => Compare(tokenizer, line)).OfType<string>().ToList();

        Assert.True(failures.Count == 0, $"{failures.Count} cases differ:\n{string.Join('\n', failures.Take(5))}");
    }

    /// <summary>
    /// The saved file's own differences, as seen in the reference library: control pieces are found in texts, and rules by grapheme.
    /// </summary>
    [Theory]
    [InlineData("sentencepiece-bpe", new[] { "</s>" })]
    [InlineData("sentencepiece-unigram", new[] { "</s>", "e\u0301\u0301\u0301" })]
    public void A_saved_model_answers_alike_but_for_control_pieces_and_marks_on_marks(string folder, string[] exceptions)
    {
        var path = Fixture.Path(folder);
        var tokenizer = Tokenizer.FromSentencePiece(Path.Combine(path, "spiece.model"));
        var file = Path.GetTempFileName();
        tokenizer.Save(file);
        var saved = Tokenizer.FromFile(file);
        File.Delete(file);

        var differing = new List<string>();
        foreach (var line in File.ReadLines(Path.Combine(path, "cases.jsonl")))
        {
            using var document = JsonDocument.Parse(line);
            var text = document.RootElement.GetProperty("text").GetString()!;
            var ids = tokenizer.Encode(text).Ids;
            Assert.Equal(tokenizer.Decode(ids), saved.Decode(ids));
            if (!ids.SequenceEqual(saved.Encode(text).Ids))
                differing.Add(text);
        }

        Assert.Equal(exceptions.Length, differing.Count);
        Assert.All(exceptions, part => Assert.Contains(differing, text => text.Contains(part, StringComparison.Ordinal)));
    }

    private static string? Compare(Tokenizer tokenizer, string line)
    {
        using var document = JsonDocument.Parse(line);
        var golden = document.RootElement;
        var text = golden.GetProperty("text").GetString()!;
        int[] ids = [.. golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        var found = tokenizer.Encode(text).Ids;
        if (!ids.SequenceEqual(found))
            return $"ids of {JsonSerializer.Serialize(text)}: {string.Join(' ', ids)} expected, {string.Join(' ', found)} found";
        var pieces = golden.GetProperty("tokens").EnumerateArray().Select(token => token.GetString());
        if (!pieces.SequenceEqual(ids.Select(tokenizer.IdToToken)) || !pieces.SequenceEqual(tokenizer.Encode(text).Tokens))
            return $"pieces of {JsonSerializer.Serialize(text)}";
        var decoded = tokenizer.Decode(ids);
        if (decoded != golden.GetProperty("decoded").GetString())
            return $"decoding of {JsonSerializer.Serialize(text)}: {JsonSerializer.Serialize(decoded)} found";
        var stream = tokenizer.StreamDecoder();
        return string.Concat(ids.Select(stream.Add)) + stream.Finish() == decoded ? null : $"stream of {JsonSerializer.Serialize(text)}";
    }
}
