using System.Text.Json;

namespace TransformerTorch.Text.Tests;

/// <summary>Against Transformers' and sentencepiece's own answers for folders of each
/// form (made by transformers 5.12, sentencepiece 0.2).</summary>
public sealed class PretrainedTests
{
    private static readonly string _root = Path.Combine(AppContext.BaseDirectory, "fixtures", "tokenizers", "pretrained");

    public static TheoryData<string> Folders => new(Directory.GetDirectories(_root).Select(folder => Path.GetFileName(folder)).Order());

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_gives_the_ids_types_and_texts_of_its_reference_library(string folder)
    {
        var path = Path.Combine(_root, folder);
        var tokenizer = Tokenizer.FromPretrained(path);

        var lines = File.ReadAllLines(Path.Combine(path, "cases.jsonl"));
        var failures = lines.Select(line => Compare(tokenizer, line)).OfType<string>().ToList();

        Assert.True(failures.Count == 0, $"{failures.Count} of {lines.Length} cases differ:\n{string.Join('\n', failures.Take(5))}");
    }

    private static string? Compare(Tokenizer tokenizer, string line)
    {
        using var document = JsonDocument.Parse(line);
        var golden = document.RootElement;
        var ids = Ints(golden.GetProperty("ids"));
        if (golden.GetProperty("text").GetString() is { } text)
        {
            var encoding = tokenizer.Encode(text, golden.GetProperty("pair").GetString());
            if (!ids.SequenceEqual(encoding.Ids))
                return $"ids of {line[..Math.Min(line.Length, 120)]}: {string.Join(' ', ids)} expected, "
                    + $"{string.Join(' ', encoding.Ids)} found";
            if (golden.GetProperty("types") is { ValueKind: JsonValueKind.Array } types && !Ints(types).SequenceEqual(encoding.TypeIds))
                return $"type ids of {line[..Math.Min(line.Length, 120)]}";
        }
        var decoded = tokenizer.Decode(ids);
        var expected = golden.GetProperty("decoded").GetString();
        return decoded == expected
            ? null
            : $"decoding of {string.Join(' ', ids)}: {JsonSerializer.Serialize(expected)} expected, "
                + $"{JsonSerializer.Serialize(decoded)} found";
    }

    private static int[] Ints(JsonElement list) => [.. list.EnumerateArray().Select(item => item.GetInt32())];
}
