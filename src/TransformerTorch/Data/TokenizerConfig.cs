using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Configuration;
using TransformerTorch.Text;
using TransformerTorch.Text.Training;

namespace TransformerTorch.Data;

/// <summary>The <c>tokenizer:</c> section: one that is there, or one to train on the training split.</summary>
public sealed record TokenizerConfig : IValidated
{
    /// <summary>A <c>tokenizer.json</c>, or a folder that holds one.</summary>
    [KnownAs("tokenizer_config", "tokenizer_name", "tokenizer_name_or_path")]
    public string? Path { get; init; }

    /// <summary>The token that ends a text, where the tokenizer does not say it.</summary>
    [KnownAs("special_tokens")]
    public string? EosToken { get; init; }

    /// <summary>Trains a new one, once; it is kept beside the tokenised data.</summary>
    public TokenizerTraining? Train { get; init; }

    /// <summary>Tokens that it has not yet, matched in texts as they stand; the model of `init_from` grows by their rows.</summary>
    public IReadOnlyList<string> Tokens { get; init; } = [];

    /// <inheritdoc/>
    public IEnumerable<(string Key, string Message)> Validate()
    {
        if (Path is not null && Train is not null)
            yield return ("path", "give either `path` (a tokenizer.json or its folder) or `train` (to train one)");
        if (Tokens.Any(token => token.Length == 0)) yield return ("tokens", "a token is empty");
        if (Train is not null && EosToken is not null)
            yield return ("eos_token", "a trained tokenizer has its own end mark; remove `eos_token`");
    }
}

/// <summary>Kinds of tokenizer that can be trained.</summary>
public enum TokenizerModel
{
    /// <summary>Byte-level byte-pair encoding, as GPT-2's.</summary>
    Bpe,

    /// <summary>WordPiece over lower-cased words, as BERT's.</summary>
    [System.Text.Json.Serialization.JsonStringEnumMemberName("wordpiece")]
    WordPiece,

    /// <summary>A unigram model, as T5's.</summary>
    Unigram,
}

/// <summary>Special tokens of a trained tokenizer, and what stands around texts.</summary>
public enum TokenizerStyle
{
    /// <summary>An end mark alone.</summary>
    Gpt2,

    /// <summary><c>[CLS] text [SEP]</c>, and a mask.</summary>
    Bert,

    /// <summary><c>text &lt;/s&gt;</c>, and a hundred sentinels.</summary>
    T5,

    /// <summary><c>&lt;s&gt; text &lt;/s&gt;</c>, and a mask.</summary>
    Bart,
}

/// <summary>How a tokenizer is trained.</summary>
public sealed record TokenizerTraining
{
    private const int Sentinels = 100;

    /// <summary>The kind.</summary>
    public TokenizerModel Model { get; init; } = TokenizerModel.Bpe;

    /// <summary>Entries of its vocabulary, special tokens (and with <c>bpe</c> the 256 bytes) included.</summary>
    [Range(257, 1 << 20)]
    public int VocabSize { get; init; } = 4096;

    /// <summary>Its special tokens; those that the objective needs where it is not given.</summary>
    public TokenizerStyle? Style { get; init; }

    /// <summary>The field of the documents that it is trained on.</summary>
    public string TextColumn { get; init; } = "text";

    private IReadOnlyList<string> SpecialTokens => Style switch
    {
        TokenizerStyle.Bert => ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        TokenizerStyle.T5 => ["<pad>", "</s>", "<unk>", .. Enumerable.Range(0, Sentinels).Select(i => $"<extra_id_{i}>")],
        TokenizerStyle.Bart => ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        _ => Model == TokenizerModel.Bpe ? ["<|endoftext|>"] : ["<|endoftext|>", "<unk>"],
    };

    /// <summary>What trains it.</summary>
    internal Trainer Trainer()
    {
        var unknown = SpecialTokens.FirstOrDefault(t => t is "[UNK]" or "<unk>") ?? "<unk>";
        Trainer trainer = Model switch
        {
            TokenizerModel.WordPiece => new WordPieceTrainer { UnknownToken = unknown },
            TokenizerModel.Unigram => new UnigramTrainer { UnknownToken = unknown },
            _ => new BytePairTrainer { InitialAlphabet = BytePairTrainer.ByteLevelAlphabet },
        };
        return trainer with { VocabularySize = VocabSize, SpecialTokens = SpecialTokens };
    }

    /// <summary>Saves what was trained as a folder of the published layout.</summary>
    internal void Save(Tokenizer tokenizer, string folder)
    {
        Directory.CreateDirectory(folder);
        var settings = Roles();
        settings["tokenizer_class"] = "PreTrainedTokenizerFast";
        settings["clean_up_tokenization_spaces"] = false;
        var unfinished = System.IO.Path.Combine(folder, $".tokenizer.{Environment.ProcessId}.tmp");
        tokenizer.Save(unfinished);
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(unfinished))!;
        File.Delete(unfinished);
        if (Frame() is { } frame) json["post_processor"] = frame(token => tokenizer.TokenToId(token)!.Value);
        AtomicFile.WriteText(System.IO.Path.Combine(folder, "tokenizer_config.json"), settings.ToJsonString(_indented) + "\n");
        AtomicFile.WriteText(System.IO.Path.Combine(folder, "tokenizer.json"), json.ToJsonString(_indented));
    }

    private static readonly JsonSerializerOptions _indented = new()
    {
        WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private JsonObject Roles() => Style switch
    {
        TokenizerStyle.Bert => new()
        {
            ["pad_token"] = "[PAD]", ["unk_token"] = "[UNK]", ["cls_token"] = "[CLS]", ["sep_token"] = "[SEP]", ["mask_token"] = "[MASK]",
        },
        TokenizerStyle.T5 => new() { ["pad_token"] = "<pad>", ["eos_token"] = "</s>", ["unk_token"] = "<unk>" },
        TokenizerStyle.Bart => new()
        {
            ["bos_token"] = "<s>", ["pad_token"] = "<pad>", ["eos_token"] = "</s>", ["unk_token"] = "<unk>", ["cls_token"] = "<s>",
            ["sep_token"] = "</s>", ["mask_token"] = "<mask>",
        },
        _ => new() { ["bos_token"] = "<|endoftext|>", ["eos_token"] = "<|endoftext|>" },
    };

    // TemplateProcessing of tokenizer.json: what stands around one text and around two.
    private Func<Func<string, int>, JsonObject>? Frame()
    {
        (string[] Single, string[] Pair)? parts = Style switch
        {
            TokenizerStyle.Bert => (["[CLS]", "A", "[SEP]"], ["[CLS]", "A", "[SEP]", "B:1", "[SEP]:1"]),
            TokenizerStyle.T5 => (["A", "</s>"], ["A", "</s>", "B", "</s>"]),
            TokenizerStyle.Bart => (["<s>", "A", "</s>"], ["<s>", "A", "</s>", "</s>", "B", "</s>"]),
            _ => null,
        };
        if (parts is not var (single, pair)) return null;
        return id => new JsonObject
        {
            ["type"] = "TemplateProcessing", ["single"] = Parts(single), ["pair"] = Parts(pair),
            ["special_tokens"] = new JsonObject(single.Concat(pair).Select(Name).Where(name => name is not ("A" or "B")).Distinct()
                .Select(name => KeyValuePair.Create(name, (JsonNode?)new JsonObject
                {
                    ["id"] = name, ["ids"] = new JsonArray(id(name)), ["tokens"] = new JsonArray(name),
                }))),
        };

        static string Name(string part) => part.Split(':')[0];
        static JsonArray Parts(string[] parts) => [.. parts.Select(part => new JsonObject
        {
            [Name(part) is "A" or "B" ? "Sequence" : "SpecialToken"] = new JsonObject
            {
                ["id"] = Name(part), ["type_id"] = part.EndsWith(":1", StringComparison.Ordinal) ? 1 : 0,
            },
        })];
    }
}
