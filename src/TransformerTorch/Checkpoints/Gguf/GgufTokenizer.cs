using System.Globalization;
using System.Text.Json.Nodes;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>A byte-level BPE tokenizer between <c>tokenizer.json</c> and GGUF's metadata.</summary>
internal static class GgufTokenizer
{
    private const int Normal = 1, Control = 3;

    // Published patterns, by a part that others have not, with llama.cpp's names.
    private static readonly (string Part, string Name)[] s_patterns = [(@"\p{N}{1,3}", "llama-bpe")];

    /// <summary>What GGUF says of a tokenizer.</summary>
    /// <param name="file">tokenizer.json; where there is none, that there is none</param>
    /// <exception cref="CheckpointException">It is no byte-level BPE, of which alone this is written.</exception>
    public static IEnumerable<(string Key, object Value)> Metadata(string file)
    {
        if (!File.Exists(file)) return [("tokenizer.ggml.model", "no_vocab")];
        var json = JsonNode.Parse(File.ReadAllText(file))!;
        if ($"{json["model"]?["type"]}" != "BPE" || json["model"]!["byte_fallback"]?.GetValue<bool>() == true)
            throw new CheckpointException($"{file}: only byte-level BPE is written to GGUF");
        var ids = json["model"]!["vocab"]!.AsObject().ToDictionary(t => t.Value!.GetValue<int>(), t => (Text: t.Key, Type: Normal));
        foreach (var added in json["added_tokens"]?.AsArray() ?? [])
            ids[added!["id"]!.GetValue<int>()] = ($"{added["content"]}", added["special"]?.GetValue<bool>() == true ? Control : Normal);
        var count = ids.Keys.Max() + 1;
        var all = Enumerable.Range(0, count).Select(id => ids.GetValueOrDefault(id, (Text: $"[unused{id}]", Type: Control))).ToArray();
        var merges = json["model"]!["merges"]!.AsArray().Select(m => m is JsonArray pair ? $"{pair[0]} {pair[1]}" : $"{m}");
        var pattern = json["pre_tokenizer"]?.ToJsonString().Replace(@"\\", @"\", StringComparison.Ordinal) ?? "";
        var named = Array.Find(s_patterns, p => pattern.Contains(p.Part, StringComparison.Ordinal)).Name ?? "gpt-2";
        var beginning = Beginning(json["post_processor"]);
        return
        [
            ("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", named), ("tokenizer.ggml.merges", merges.ToArray()),
            ("tokenizer.ggml.tokens", all.Select(t => t.Text).ToArray()), ("tokenizer.ggml.token_type", all.Select(t => t.Type).ToArray()),
            ("tokenizer.ggml.add_bos_token", beginning is not null), // not told, llama.cpp goes by the pattern
            .. beginning is { } id ? [("tokenizer.ggml.bos_token_id", id)] : Array.Empty<(string, object)>(),
        ];
    }

    /// <summary>The special token that stands before every text; null: none.</summary>
    private static uint? Beginning(JsonNode? processor)
    {
        if (processor?["processors"] is JsonArray several) return several.Select(Beginning).FirstOrDefault(id => id is not null);
        var name = $"{(processor?["single"] as JsonArray)?[0]?["SpecialToken"]?["id"]}";
        return (uint?)processor?["special_tokens"]?[name]?["ids"]?[0]?.GetValue<int>();
    }

    /// <summary>tokenizer.json of a file's metadata; null where it has no byte-level BPE of a pattern that is known here.</summary>
    public static JsonObject? Json(IReadOnlyDictionary<string, object> metadata)
    {
        if (metadata.GetValueOrDefault("tokenizer.ggml.model") is not "gpt2") return null;
        if (metadata.GetValueOrDefault("tokenizer.ggml.pre", "gpt-2") is not ("gpt-2" or "default")) return null;
        var tokens = (object[])metadata["tokenizer.ggml.tokens"];
        var types = metadata.GetValueOrDefault("tokenizer.ggml.token_type") as object[] ?? [];
        var (vocabulary, added) = (new JsonObject(), new JsonArray());
        for (var id = 0; id < tokens.Length; id++)
        {
            var special = types.Length > id && Convert.ToInt32(types[id], CultureInfo.InvariantCulture) == Control;
            if (special) added.Add(new JsonObject { ["id"] = id, ["content"] = (string)tokens[id], ["special"] = true });
            else vocabulary[(string)tokens[id]] = id;
        }
        var byteLevel = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = true };
        return new JsonObject
        {
            ["version"] = "1.0", ["added_tokens"] = added, ["pre_tokenizer"] = byteLevel, ["decoder"] = byteLevel.DeepClone(),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE", ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. ((object[])metadata["tokenizer.ggml.merges"]).Select(m => (JsonNode)(string)m)]),
            },
        };
    }
}
