using System.Globalization;
using System.Text.Json.Nodes;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>
/// SentencePiece's byte pairs, <c>llama</c> in GGUF: pieces with scores instead of merges with ranks. Of neighbours, those are merged
/// first whose union is the piece with the highest score (llama.cpp's llama-vocab.cpp).
/// </summary>
internal static class GgufPieces
{
    private const string Space = "\u2581";

    /// <summary>What GGUF says of it.</summary>
    /// <param name="json">tokenizer.json</param>
    /// <param name="file">its name, for messages</param>
    /// <param name="rows">how many tokens there are to be</param>
    /// <exception cref="CheckpointException">It does something to a text that GGUF cannot say.</exception>
    public static IEnumerable<(string Key, object Value)> Metadata(JsonNode json, string file, int rows)
    {
        var addsSpace = AddsSpace(json, file);
        var vocabulary = json["model"]!["vocab"]!.AsObject().ToDictionary(t => t.Key, t => t.Value!.GetValue<int>());
        var unknown = $"{json["model"]!["unk_token"]}";
        var added = (json["added_tokens"]?.AsArray() ?? []).ToDictionary(a => a!["id"]!.GetValue<int>(), a => a!);
        var scores = Scores(vocabulary, json["model"]!["merges"]!.AsArray(), added, file);
        var (texts, kinds) = (new string[rows], new GgufTokenKind[rows]);
        for (var id = 0; id < rows; id++) (texts[id], kinds[id]) = ($"[unused{id}]", GgufTokenKind.Unused);
        foreach (var (text, id) in vocabulary)
        {
            var kind = text == unknown ? GgufTokenKind.Unknown : IsByte(text) ? GgufTokenKind.Byte : GgufTokenKind.Normal;
            (texts[id], kinds[id]) = (text, kind);
        }
        foreach (var (id, token) in added.Where(a => kinds[a.Key] != GgufTokenKind.Unknown))
        {
            var special = token["special"]?.GetValue<bool>() == true;
            (texts[id], kinds[id]) = ($"{token["content"]}", special ? GgufTokenKind.Control : GgufTokenKind.UserDefined);
        }
        return
        [
            ("tokenizer.ggml.model", "llama"), ("tokenizer.ggml.pre", "default"), ("tokenizer.ggml.tokens", texts),
            ("tokenizer.ggml.scores", texts.Select(t => scores.GetValueOrDefault(t)).ToArray()),
            ("tokenizer.ggml.token_type", kinds.Select(k => (int)k).ToArray()), ("tokenizer.ggml.add_space_prefix", addsSpace),
            .. vocabulary.TryGetValue(unknown, out var none) ? [("tokenizer.ggml.unknown_token_id", (uint)none)]
                : Array.Empty<(string, object)>(),
        ];
    }

    /// <summary>tokenizer.json of a file's tokens.</summary>
    public static JsonObject Json(GgufTokens tokens)
    {
        var addsSpace = tokens.Flag("add_space_prefix", true);
        var unknown = Array.IndexOf(tokens.Kinds, GgufTokenKind.Unknown);
        var json = tokens.Json(new JsonObject
        {
            ["type"] = "BPE", ["unk_token"] = unknown < 0 ? null : tokens.Texts[unknown], ["fuse_unk"] = true, ["byte_fallback"] = true,
            ["merges"] = new JsonArray([.. Merges(tokens).Select(m => (JsonNode)new JsonArray(m.Left, m.Right))]),
        }, addsFirst: true);
        var replace = new JsonObject
        {
            ["type"] = "Replace", ["pattern"] = new JsonObject { ["String"] = " " }, ["content"] = Space,
        };
        json["normalizer"] = !addsSpace ? replace : new JsonObject
        {
            ["type"] = "Sequence",
            ["normalizers"] = new JsonArray(new JsonObject { ["type"] = "Prepend", ["prepend"] = Space }, replace),
        };
        var decoders = new JsonArray(
            new JsonObject { ["type"] = "Replace", ["pattern"] = new JsonObject { ["String"] = Space }, ["content"] = " " },
            new JsonObject { ["type"] = "ByteFallback" }, new JsonObject { ["type"] = "Fuse" });
        if (addsSpace) decoders.Add((JsonNode)new JsonObject { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 });
        json["decoder"] = new JsonObject { ["type"] = "Sequence", ["decoders"] = decoders };
        return json;
    }

    /// <summary>Every two pieces that are a third, that with the highest score first (Transformers' generate_merges).</summary>
    private static IEnumerable<(string Left, string Right)> Merges(GgufTokens tokens)
    {
        var ids = new Dictionary<string, int>();
        for (var id = 0; id < tokens.Texts.Length; id++)
            if (tokens.Kinds[id] == GgufTokenKind.Normal) ids.TryAdd(tokens.Texts[id], id);
        var scores = tokens.List("scores") ?? throw new CheckpointException("a GGUF file of pieces without tokenizer.ggml.scores");
        return from piece in ids
               let score = Convert.ToSingle(scores[piece.Value], CultureInfo.InvariantCulture)
               from split in Splits(piece.Key, ids)
               orderby score descending, split.LeftId, split.RightId
               select (split.Left, split.Right);
    }

    /// <summary>
    /// Scores that merge as ranks do: minus the rank of the first merge that makes a piece. They do if all merges that make one stand
    /// together, and if whatever two pieces are a third is a merge.
    /// </summary>
    private static Dictionary<string, float> Scores(
        Dictionary<string, int> vocabulary, JsonArray merges, Dictionary<int, JsonNode> added, string file)
    {
        var (first, pairs, last) = (new Dictionary<string, float>(), new HashSet<(string, string)>(), "");
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var (left, right) = merges[rank] is JsonArray pair ? ($"{pair[0]}", $"{pair[1]}") : Halves($"{merges[rank]}");
            if (!first.TryAdd(left + right, -rank) && last != left + right)
                throw new CheckpointException($"{file}: its merges make '{left + right}' at ranks apart, which GGUF's scores cannot say");
            pairs.Add((left, right));
            last = left + right;
        }
        var own = vocabulary.Where(v => !added.ContainsKey(v.Value) && !IsByte(v.Key)).ToDictionary(v => v.Key, v => v.Value);
        foreach (var piece in own.Keys)
            foreach (var (left, right, _, _) in Splits(piece, own))
                if (!pairs.Contains((left, right)))
                    throw new CheckpointException($"{file}: no merge makes '{piece}' of '{left}' and '{right}', which GGUF cannot say");
        return first;

        (string, string) Halves(string merge)
            => merge.Split(' ') is [var left, var right] ? (left, right) : throw new CheckpointException($"{file}: '{merge}' is no merge");
    }

    private static IEnumerable<(string Left, string Right, int LeftId, int RightId)> Splits(string piece, Dictionary<string, int> ids)
    {
        for (var at = 1; at < piece.Length; at++)
            if (ids.TryGetValue(piece[..at], out var left) && ids.TryGetValue(piece[at..], out var right))
                yield return (piece[..at], piece[at..], left, right);
    }

    private static bool IsByte(string text)
        => text is ['<', '0', 'x', var high, var low, '>'] && char.IsAsciiHexDigit(high) && char.IsAsciiHexDigit(low);

    /// <summary>Whether it puts a space before a text; that spaces become <c>▁</c> is all that GGUF knows besides.</summary>
    private static bool AddsSpace(JsonNode json, string file)
    {
        var adds = false;
        var steps = json["normalizer"]?["normalizers"]?.AsArray().ToList() ?? [json["normalizer"]];
        steps.AddRange(json["pre_tokenizer"]?["pretokenizers"]?.AsArray().ToList() ?? [json["pre_tokenizer"]]);
        foreach (var step in steps.OfType<JsonNode>())
        {
            switch ($"{step["type"]}")
            {
                case "Prepend" when $"{step["prepend"]}" == Space: adds = true; break;
                case "Replace" when $"{step["pattern"]?["String"]}" == " " && $"{step["content"]}" == Space: break;
                case "Metaspace" when step["split"]?.GetValue<bool>() != true: adds = $"{step["prepend_scheme"]}" != "never"; break;
                case "Split" when $"{step["pattern"]?["String"]}" == " ": break; // after spaces are replaced there are none
                case var type: throw new CheckpointException($"{file}: {type} is done to texts, which GGUF's pieces cannot say");
            }
        }
        return adds;
    }
}
