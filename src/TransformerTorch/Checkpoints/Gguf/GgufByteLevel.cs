using System.Text.Json.Nodes;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>Byte-level BPE, <c>gpt2</c> in GGUF, whose pattern is told by a name that llama.cpp knows.</summary>
internal static class GgufByteLevel
{
    // Published patterns (Hugging Face's tokenizer.json of the first model that had them), in the order in which one is known by a part
    // that those before it have not.
    private static readonly (string Name, string Part, string Pattern)[] s_patterns =
    [
        ("llama-bpe", @"\p{N}{1,3}",
            @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
            + @"\s+(?!\S)|\s+"),
        ("qwen2", @"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*",
            @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
            + @"\s*[\r\n]+|\s+(?!\S)|\s+"),
    ];

    /// <summary>What GGUF says of it.</summary>
    public static IEnumerable<(string Key, object Value)> Metadata(JsonNode json, int rows)
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
        var pattern = json["pre_tokenizer"]?.ToJsonString().Replace(@"\\", @"\", StringComparison.Ordinal) ?? "";
        var named = Array.Find(s_patterns, p => pattern.Contains(p.Part, StringComparison.Ordinal)).Name ?? "gpt-2";
        return
        [
            ("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", named), ("tokenizer.ggml.merges", merges.ToArray()),
            ("tokenizer.ggml.tokens", all.Select(t => t.Text).ToArray()),
            ("tokenizer.ggml.token_type", all.Select(t => (int)t.Kind).ToArray()),
        ];
    }

    /// <summary>tokenizer.json of a file's tokens; null where their pattern has a name that is not known here.</summary>
    public static JsonObject? Json(GgufTokens tokens)
    {
        var byteLevel = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = true };
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
