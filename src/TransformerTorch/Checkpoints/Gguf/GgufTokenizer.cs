using System.Text.Json.Nodes;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>
/// A tokenizer between <c>tokenizer.json</c> and GGUF's metadata: byte-level BPE (<see cref="GgufByteLevel"/>), or pieces with scores as
/// SentencePiece has them (<see cref="GgufPieces"/>).
/// </summary>
internal static class GgufTokenizer
{
    /// <summary>What GGUF says of the tokenizer in a folder; where there is none, that there is none.</summary>
    /// <param name="folder">the model's</param>
    /// <param name="rows">of its token table, for each of which a file has a token</param>
    /// <exception cref="CheckpointException">It is of a kind that is not written.</exception>
    public static IEnumerable<(string Key, object Value)> Metadata(string folder, int rows)
    {
        var file = Path.Combine(folder, "tokenizer.json");
        if (!File.Exists(file))
        {
            var older = Directory.EnumerateFiles(folder).Select(Path.GetFileName).FirstOrDefault(IsTokenizer);
            return older is null ? [("tokenizer.ggml.model", "no_vocab")]
                : throw new CheckpointException($"{folder}: its tokenizer is {older}, and GGUF's is made of a tokenizer.json: save it as "
                    + "one (Tokenizer.FromPretrained(folder).Save(\"tokenizer.json\"), or Transformers' save_pretrained)");
        }
        var json = JsonNode.Parse(File.ReadAllText(file))!;
        if ($"{json["model"]?["type"]}" != "BPE") throw new CheckpointException($"{file}: only BPE is written to GGUF");
        var (before, after) = Around(json["post_processor"]);
        var pieces = json["model"]!["byte_fallback"]?.GetValue<bool>() == true;
        var ids = json["model"]!["vocab"]!.AsObject().Select(t => t.Value!.GetValue<int>())
            .Concat((json["added_tokens"]?.AsArray() ?? []).Select(a => a!["id"]!.GetValue<int>()));
        if (ids.Max() >= rows) throw new CheckpointException($"{file}: has a token {ids.Max()}, the model {rows} rows of tokens");
        return
        [
            .. pieces ? GgufPieces.Metadata(json, file, rows) : GgufByteLevel.Metadata(json, file, rows),
            ("tokenizer.ggml.add_bos_token", before is not null), // not told, llama.cpp goes by the pattern
            ("tokenizer.ggml.add_eos_token", after is not null),
            .. before is { } first ? [("tokenizer.ggml.bos_token_id", first)] : Array.Empty<(string, object)>(),
            .. after is { } last ? [("tokenizer.ggml.eos_token_id", last)] : Array.Empty<(string, object)>(),
        ];
    }

    /// <summary>tokenizer.json of a file's metadata; null where its tokenizer is of a kind that is not known here.</summary>
    public static JsonObject? Json(IReadOnlyDictionary<string, object> metadata)
        => metadata.GetValueOrDefault("tokenizer.ggml.model") switch
    {
        "gpt2" => GgufByteLevel.Json(new(metadata)),
        "llama" => GgufPieces.Json(new(metadata)),
        _ => null,
    };

    private static bool IsTokenizer(string? name)
        => name is "vocab.json" or "vocab.txt" || name!.EndsWith(".model", StringComparison.Ordinal)
            || name.EndsWith(".tiktoken", StringComparison.Ordinal);

    /// <summary>The special tokens that stand before and after every text; null: none.</summary>
    private static (uint? Before, uint? After) Around(JsonNode? processor)
    {
        if (processor?["processors"] is JsonArray several)
            return several.Select(Around).FirstOrDefault(tokens => tokens is not (null, null));
        var single = processor?["single"] as JsonArray ?? [];
        return (Special(single.FirstOrDefault()), Special(single.LastOrDefault()));

        uint? Special(JsonNode? part)
            => (uint?)processor!["special_tokens"]?[$"{part?["SpecialToken"]?["id"]}"]?["ids"]?[0]?.GetValue<int>();
    }
}
