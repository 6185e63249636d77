using System.Text.Json;

namespace TransformerTorch.Text.Verification;

/// <summary>How a tokenizer stands against the reference's answers in one respect.</summary>
/// <param name="Name">Ids, tokens, offsets ...</param>
/// <param name="Cases">So many texts say something of it.</param>
/// <param name="Differ">On so many the tokenizer says something else.</param>
/// <param name="First">The first of those, for people.</param>
public sealed record CaseResult(string Name, int Cases, int Differ, string? First);

/// <summary>Holds a tokenizer against texts with the reference library's answers: a line of JSON each.</summary>
public static class CaseFile
{
    /// <summary>
    /// Compares ids, tokens, offsets, masks and decodings with what each line of <paramref name="path"/> has of them; the decoding is also
    /// done one id at a time.
    /// </summary>
    /// <exception cref="TokenizerException">The file is not one of cases.</exception>
    public static IReadOnlyList<CaseResult> Compare(Tokenizer tokenizer, string path)
    {
        var results = new List<CaseResult>();
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            try
            {
                using var document = JsonDocument.Parse(line);
                foreach (var (name, expected, found) in Answers(tokenizer, document.RootElement))
                    Count(results, name, expected == found ? null : $"line {number}: {expected} expected, {found} found");
            }
            catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
            {
                throw new TokenizerException($"{path}:{number}: no case: {exception.Message}", exception);
            }
        }
        return results;
    }

    private static void Count(List<CaseResult> results, string name, string? difference)
    {
        var index = results.FindIndex(result => result.Name == name);
        var before = index < 0 ? new CaseResult(name, 0, 0, null) : results[index];
        var now = before with { Cases = before.Cases + 1 };
        if (difference is not null)
            now = now with { Differ = now.Differ + 1, First = now.First ?? difference };
        if (index < 0)
            results.Add(now);
        else
            results[index] = now;
    }

    private static IEnumerable<(string Name, string Expected, string Found)> Answers(Tokenizer tokenizer, JsonElement line)
    {
        var encoding = Encode(tokenizer, line);
        int[] ids = [.. line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        (string Key, string Name, Func<object> Answer)[] answers =
        [
            ("ids", "ids", () => encoding.Ids),
            ("ids", "ids alone", () => IdsAlone(tokenizer, line) ?? encoding.Ids),
            ("tokens", "tokens", () => encoding.Tokens),
            ("offsets", "offsets", () => encoding.CodePointOffsets.Select(offset => new[] { offset.Start, offset.End })),
            ("type_ids", "type ids", () => encoding.TypeIds),
            ("special_mask", "special tokens mask", () => encoding.SpecialTokensMask),
            ("words", "word ids", () => encoding.WordIds),
            ("attention", "attention mask", () => encoding.AttentionMask),
            ("overflowing", "ids that overflow", () => encoding.Overflowing.Select(part => part.Ids)),
            ("decoded", "decoded", () => tokenizer.Decode(ids)),
            ("decoded_keep_special", "decoded with special tokens", () => tokenizer.Decode(ids, skipSpecialTokens: false)),
            ("decoded", "decoded one by one", () => Streamed(tokenizer, ids)),
        ];
        foreach (var (key, name, answer) in answers)
        {
            if (line.TryGetProperty(key, out var expected))
                yield return (name, JsonSerializer.Serialize(expected), JsonSerializer.Serialize(answer()));
        }
    }

    /// <summary>A text is a string, or a list of the words that it was cut into.</summary>
    private static Encoding Encode(Tokenizer tokenizer, JsonElement line)
    {
        var text = line.GetProperty("text");
        var hasPair = line.TryGetProperty("pair", out var pair);
        var special = AddsSpecial(line);
        return text.ValueKind == JsonValueKind.Array
            ? tokenizer.EncodeWords(text.Deserialize<string[]>()!, hasPair ? pair.Deserialize<string[]>() : null, special)
            : tokenizer.Encode(text.GetString()!, hasPair ? pair.GetString() : null, special);
    }

    /// <summary>The ids by the shorter way; null where there is none, for pairs and words.</summary>
    private static int[]? IdsAlone(Tokenizer tokenizer, JsonElement line) =>
        line.GetProperty("text") is { ValueKind: JsonValueKind.String } text && !line.TryGetProperty("pair", out _)
            ? tokenizer.EncodeToIds(text.GetString()!, AddsSpecial(line))
            : null;

    private static bool AddsSpecial(JsonElement line) => line.TryGetProperty("add_special", out var add) && add.GetBoolean();

    private static string Streamed(Tokenizer tokenizer, int[] ids)
    {
        var stream = tokenizer.StreamDecoder();
        return string.Concat(ids.Select(stream.Add)) + stream.Finish();
    }
}
