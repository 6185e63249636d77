using System.Globalization;
using System.Text.Json.Nodes;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>What a token is for; the numbers are those of GGUF, which has them from SentencePiece.</summary>
internal enum GgufTokenKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>The tokens of a file's metadata.</summary>
internal sealed class GgufTokens
{
    private readonly IReadOnlyDictionary<string, object> _metadata;

    /// <exception cref="CheckpointException">There are none, or not of texts.</exception>
    public GgufTokens(IReadOnlyDictionary<string, object> metadata)
    {
        _metadata = metadata;
        Texts = List("tokens") is { } tokens && tokens.All(t => t is string) ? [.. tokens.Cast<string>()]
            : throw new CheckpointException("a GGUF file with a tokenizer and no tokenizer.ggml.tokens");
        var kinds = List("token_type") ?? [];
        Kinds = [.. Texts.Select((_, id) => id < kinds.Length ? (GgufTokenKind)Convert.ToInt32(kinds[id], CultureInfo.InvariantCulture)
            : GgufTokenKind.Normal)];
    }

    /// <summary>By id.</summary>
    public string[] Texts { get; }

    /// <summary>By id.</summary>
    public GgufTokenKind[] Kinds { get; }

    /// <summary>A list among the tokenizer's keys; null: absent.</summary>
    public object[]? List(string key) => _metadata.GetValueOrDefault($"tokenizer.ggml.{key}") as object[];

    /// <summary>A text among them.</summary>
    public string Text(string key, string otherwise) => _metadata.GetValueOrDefault($"tokenizer.ggml.{key}") as string ?? otherwise;

    /// <summary>A flag among them.</summary>
    public bool Flag(string key, bool otherwise) => _metadata.GetValueOrDefault($"tokenizer.ggml.{key}") as bool? ?? otherwise;

    /// <summary>tokenizer.json with a model of these tokens, the added ones beside it, and what stands around every text.</summary>
    /// <param name="model">what the model is besides its vocabulary</param>
    /// <param name="addsFirst">whether the first token stands before a text where the file does not tell</param>
    public JsonObject Json(JsonObject model, bool addsFirst)
    {
        var (vocabulary, added) = (new JsonObject(), new JsonArray());
        for (var id = 0; id < Texts.Length; id++)
        {
            var isAdded = Kinds[id] is GgufTokenKind.Control or GgufTokenKind.UserDefined or GgufTokenKind.Unknown;
            if (isAdded)
            {
                added.Add(new JsonObject
                {
                    ["id"] = id, ["content"] = Texts[id], ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false,
                    ["normalized"] = false, ["special"] = Kinds[id] != GgufTokenKind.UserDefined,
                });
            }
            if (Kinds[id] is GgufTokenKind.Normal or GgufTokenKind.Byte or GgufTokenKind.Unknown) vocabulary[Texts[id]] = id;
        }
        model["vocab"] = vocabulary;
        return new JsonObject
        {
            ["version"] = "1.0", ["added_tokens"] = added, ["model"] = model, ["post_processor"] = Around(addsFirst),
        };
    }

    private JsonObject? Around(bool addsFirst)
    {
        var (before, after) = (Token("bos", addsFirst), Token("eos", false));
        if (before is null && after is null) return null;
        var special = new JsonObject();
        foreach (var id in new[] { before, after }.OfType<int>().Distinct())
            special[Texts[id]] = new JsonObject { ["id"] = Texts[id], ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(Texts[id]) };
        return new JsonObject
        {
            ["type"] = "TemplateProcessing", ["single"] = Template("A"), ["pair"] = Template("A", "B"), ["special_tokens"] = special,
        };

        int? Token(string name, bool otherwise)
            => Flag($"add_{name}_token", otherwise) && _metadata.GetValueOrDefault($"tokenizer.ggml.{name}_token_id") is uint id
                && id < Texts.Length ? (int)id : null;

        JsonArray Template(params string[] texts) => [.. texts.SelectMany((text, type) => (JsonNode?[])
            [Part("SpecialToken", before is { } first ? Texts[first] : null, type), Part("Sequence", text, type),
                Part("SpecialToken", after is { } last ? Texts[last] : null, type)]).Where(part => part is not null)];

        static JsonObject? Part(string kind, string? id, int type)
            => id is null ? null : new JsonObject { [kind] = new JsonObject { ["id"] = id, ["type_id"] = type } };
    }
}
