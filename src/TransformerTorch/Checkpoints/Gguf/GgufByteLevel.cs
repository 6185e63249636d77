using System.Text.Json.Nodes;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>Byte-level BPE, <c>gpt2</c> in GGUF, whose pattern is told by a name that llama.cpp knows.</summary>
internal static class GgufByteLevel
{
    // Published patterns: Hugging Face's tokenizer.json of the first model that had them.
    private static readonly (string Name, string Pattern)[] s_patterns =
    [
        ("llama-bpe",
            @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
            + @"\s+(?!\S)|\s+"),
        ("qwen2",
            @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
            + @"\s*[\r\n]+|\s+(?!\S)|\s+"),
    ];

    /// <summary>What GGUF says of it.</summary>
    /// <exception cref="CheckpointException">Texts are cut as none of the names that are known here means.</exception>
    public static IEnumerable<(string Key, object Value)> Metadata(JsonNode json, string file, int rows)
    {
        var ids = json["model"]!["vocab"]!.AsObject()
            .ToDictionary(t => t.Value!.GetValue<int>(), t => (Text: t.Key, Kind: GgufTokenKind.Normal));
        foreach (var added in json["added_tokens"]?.AsArray() ?? [])
        {
            var special = added!["special"]?.GetValue<bool>() == true;
            ids[added["id"]!.GetValue<int>()] = ($"{added["content"]}", special ? GgufTokenKind.Control : GgufTokenKind.UserDefined);
        }
        var all = Enumerable.Range(0, rows)
            .Select(id => ids.GetValueOrDefault(id, (Text: $"[unused{id}]", Kind: GgufTokenKind.Unused))).ToArray();
        var merges = json["model"]!["merges"]!.AsArray().Select(m => m is JsonArray pair ? $"{pair[0]} {pair[1]}" : $"{m}");
        var named = Name(json["pre_tokenizer"]) ?? throw new CheckpointException(
            $"{file}: its pre_tokenizer is none that GGUF has a name for here: gpt-2, {string.Join(", ", s_patterns.Select(p => p.Name))}");
        return
        [
            ("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", named), ("tokenizer.ggml.merges", merges.ToArray()),
            ("tokenizer.ggml.tokens", all.Select(t => t.Text).ToArray()),
            ("tokenizer.ggml.token_type", all.Select(t => (int)t.Kind).ToArray()),
        ];
    }

    /// <summary>The name of a way to cut texts; null: it has none here.</summary>
    private static string? Name(JsonNode? preTokenizer)
    {
        if (IsBytes(preTokenizer, cuts: true)) return "gpt-2";
        if (preTokenizer?["pretokenizers"] is not JsonArray { Count: 2 } parts || !IsBytes(parts[1], cuts: false)) return null;
        var split = parts[0];
        if (($"{split?["type"]}", $"{split?["behavior"]}", $"{split?["invert"]}") is not ("Split", "Isolated", "false" or "")) return null;
        return Array.Find(s_patterns, p => p.Pattern == $"{split!["pattern"]?["Regex"]}").Name;
    }

    /// <summary>Whether a step is GPT-2's alphabet of bytes, its pattern before it or not.</summary>
    private static bool IsBytes(JsonNode? step, bool cuts)
        => $"{step?["type"]}" == "ByteLevel" && (step!["use_regex"]?.GetValue<bool>() ?? true) == cuts;

    /// <summary>tokenizer.json of a file's tokens; null where their pattern has a name that is not known here.</summary>
    public static JsonObject? Json(GgufTokens tokens)
    {
        var byteLevel = new JsonObject { ["type"] = "ByteLevel",
            ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true };
        var name = tokens.Text("pre", "gpt-2");
        var pattern = Array.Find(s_patterns, p => p.Name == name).Pattern;
        if (pattern is null && name is not ("gpt-2" or "default")) return null;
        var json = tokens.Json(new JsonObject
        {
            ["type"] = "BPE", ["ignore_merges"] = name == "llama-bpe",
            ["merges"] = new JsonArray([.. (tokens.List("merges") ?? []).Select(m => (JsonNode)$"{m}")]),
        }, addsFirst: name == "llama-bpe");
        json["decoder"] = byteLevel.DeepClone();
        if (pattern is null)
        {
            json["pre_tokenizer"] = byteLevel;
            return json;
        }
        byteLevel["use_regex"] = false;
        json["pre_tokenizer"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["pretokenizers"] = new JsonArray(
                new JsonObject
                {
                    ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = pattern }, ["behavior"] = "Isolated", ["invert"] = false,
                },
                byteLevel),
        };
        return json;
    }
}
