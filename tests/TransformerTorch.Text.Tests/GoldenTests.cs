using System.Text.Json;

namespace TransformerTorch.Text.Tests;

/// <summary>Against the reference library's own answers (tests/fixtures/tokenizers, made by tokenizers 0.23).</summary>
public sealed class GoldenTests
{
    public static TheoryData<string> Folders => new("bert-cased", "bert-uncased", "gpt2", "llama2", "llama3", "roberta", "t5", "t5-precompiled", "word-level", "xlnet-like");

    [Theory]
    [MemberData(nameof(Folders))]
    public void Ids_tokens_offsets_masks_and_decodings_are_the_reference_librarys(string folder)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "fixtures", "tokenizers", folder);
        var tokenizer = Tokenizer.FromFile(Path.Combine(path, "tokenizer.json"));

        var failures = File.ReadLines(Path.Combine(path, "cases.jsonl")).Select(line => Compare(tokenizer, line)).OfType<string>().ToList();

        Assert.True(failures.Count == 0, $"{failures.Count} cases differ:\n{string.Join('\n', failures.Take(5))}");
    }

    private static string? Compare(Tokenizer tokenizer, string line)
    {
        using var document = JsonDocument.Parse(line);
        var golden = document.RootElement;
        var text = golden.GetProperty("text").GetString()!;
        var pair = golden.TryGetProperty("pair", out var value) ? value.GetString() : null;

        var encoding = tokenizer.Encode(text, pair, golden.GetProperty("add_special").GetBoolean());

        var ids = Ints(golden.GetProperty("ids"));
        var offsets = golden.GetProperty("offsets").EnumerateArray().Select(offset => (offset[0].GetInt32(), offset[1].GetInt32()));
        if (!ids.SequenceEqual(encoding.Ids))
            return $"ids of {Shown(text)}: {string.Join(' ', ids)} expected, {string.Join(' ', encoding.Ids)} found";
        if (!golden.GetProperty("tokens").EnumerateArray().Select(token => token.GetString()).SequenceEqual(encoding.Tokens))
            return $"tokens of {Shown(text)}: {golden.GetProperty("tokens")} expected, {JsonSerializer.Serialize(encoding.Tokens)} found";
        if (!offsets.SequenceEqual(encoding.CodePointOffsets))
            return $"offsets of {Shown(text)}: {string.Join(' ', offsets)} expected, {string.Join(' ', encoding.CodePointOffsets)} found";
        if (!Ints(golden.GetProperty("type_ids")).SequenceEqual(encoding.TypeIds))
            return $"type ids of {Shown(text)}";
        if (!Ints(golden.GetProperty("special_mask")).SequenceEqual(encoding.SpecialTokensMask))
            return $"special tokens mask of {Shown(text)}";
        if (tokenizer.Decode(ids) is var decoded && decoded != golden.GetProperty("decoded").GetString())
            return $"decoding of {Shown(text)}: {Shown(decoded)} found";
        if (tokenizer.Decode(ids, skipSpecialTokens: false) is var kept && kept != golden.GetProperty("decoded_keep_special").GetString())
            return $"decoding with special tokens of {Shown(text)}: {Shown(kept)} found";
        return Streamed(tokenizer, ids) == decoded ? null : $"stream of {Shown(text)}: {Shown(Streamed(tokenizer, ids))} found, not {Shown(decoded)}";
    }

    private static int[] Ints(JsonElement list) => [.. list.EnumerateArray().Select(item => item.GetInt32())];

    private static string Streamed(Tokenizer tokenizer, int[] ids)
    {
        var stream = tokenizer.StreamDecoder();
        return string.Concat(ids.Select(stream.Add)) + stream.Finish();
    }

    private static string Shown(string text) => JsonSerializer.Serialize(text);
}
