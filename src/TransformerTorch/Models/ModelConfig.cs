using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Configuration;
using TransformerTorch.Layers;
using TransformerTorch.Models.Families;

namespace TransformerTorch.Models;

/// <summary>
/// A model's configuration as resolved by its family: nothing is left open. It remembers the published keys it came from, so that a
/// model is saved with the configuration it was loaded with.
/// </summary>
public sealed record ModelConfig
{
    /// <summary>The family's name as published ("gpt2").</summary>
    public required string ModelType { get; init; }

    /// <summary>The published keys.</summary>
    public required JsonObject Published { get; init; }

    /// <summary>The published keys of how it continues texts; null: those among <see cref="Published"/>.</summary>
    public JsonObject? Generation { get; init; }

    /// <summary>What it is for.</summary>
    public required ModelTask Task { get; init; }

    /// <summary>The stack that reads a text whole; null: none.</summary>
    public StackOptions? Encoder { get; init; }

    /// <summary>The stack that writes; null: none.</summary>
    public StackOptions? Decoder { get; init; }

    /// <summary>Whether both stacks have one token table.</summary>
    public bool SharedEmbeddings { get; init; } = true;

    /// <summary>The most positions a sequence may have.</summary>
    public required int ContextLength { get; init; }

    /// <summary>The task's head; null: hidden states are what it gives.</summary>
    public HeadOptions? Head { get; init; }

    /// <summary>A second one, where the task has two.</summary>
    public HeadOptions? SecondHead { get; init; }

    /// <summary>How a text becomes one vector, where the task wants one.</summary>
    public Pooling Pooling { get; init; }

    /// <summary>How much even use of the experts counts in the loss; 0: nothing.</summary>
    public double RouterLoss { get; init; }

    /// <summary>The names of classes, in the order of their scores.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>What the labels are; null: as they look.</summary>
    public ProblemType? ProblemType { get; init; }

    /// <summary>First values of the weights.</summary>
    public Initialization Initialization { get; init; } = new();

    /// <summary>Ids that end a text.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [];

    /// <summary>The id that begins a text, where there is one.</summary>
    public int? BeginToken { get; init; }

    /// <summary>The id that fills rows up, where there is one.</summary>
    public int? PaddingToken { get; init; }

    /// <summary>The id that a decoder beside an encoder begins with, where there is one.</summary>
    public int? DecoderStartToken { get; init; }

    /// <summary>Whether what a decoder learns to write begins with its own last token (a language's code) instead.</summary>
    public bool StartsWithLastToken { get; init; }

    /// <summary>The stack whose tokens are scored.</summary>
    public StackOptions Main => Decoder ?? Encoder ?? throw new ModelConfigException($"{ModelType}: neither an encoder nor a decoder");

    /// <summary>Whether each position of what is scored sees only those before it, so that texts can be continued.</summary>
    public bool IsCausal => Main.Blocks.All(b => b.Attention.Causal);

    /// <summary>V.</summary>
    public int VocabularySize => Main.Embeddings.VocabularySize;

    /// <summary>Whether scores are products with the token table.</summary>
    public bool TieEmbeddings => Head is { Tied: true };

    /// <summary>Reads a <c>config.json</c>.</summary>
    /// <param name="path">the file</param>
    /// <param name="bare">whether the bare model's is wanted, without a pooler, whatever class the file names</param>
    /// <exception cref="ModelConfigException">Not JSON, an unknown family, or values that are missing, wrong or contradictory.</exception>
    public static ModelConfig Read(string path, bool bare = false)
    {
        try
        {
            var keys = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new ModelConfigException($"{path}: not a JSON object");
            return bare ? Bare(keys, path) : FromKeys(keys, path);
        }
        catch (JsonException e)
        {
            throw new ModelConfigException(JsonErrors.Describe(path, e));
        }
    }

    /// <summary>Resolves published keys, wherever they stood (a run file's <c>model:</c> section, say).</summary>
    /// <param name="keys">the keys, <c>model_type</c> among them</param>
    /// <param name="source">where they stood, for messages</param>
    /// <exception cref="ModelConfigException">An unknown family, or values that are missing, wrong or contradictory.</exception>
    public static ModelConfig FromKeys(JsonObject keys, string source)
    {
        var reader = new ConfigKeys(keys, source);
        var config = ModelCatalog.Family(reader.OneOf("model_type", ModelCatalog.Names)).Resolve(reader, (JsonObject)keys.DeepClone());
        return config with
        {
            EndTokens = reader.Ids("eos_token_id"), BeginToken = First("bos_token_id"), PaddingToken = First("pad_token_id"),
            DecoderStartToken = First("decoder_start_token_id"),
            Labels = config.Labels is [] ? reader.Labels() : config.Labels, ProblemType = reader.ProblemType(),
        };

        int? First(string key) => reader.Ids(key) is [var id, ..] ? id : null;
    }

    private static ModelConfig Bare(JsonObject keys, string source)
    {
        var family = ModelCatalog.Family(new ConfigKeys(keys, source).OneOf("model_type", ModelCatalog.Names));
        // What embeds a text with T5 is its encoder.
        keys["architectures"] = new JsonArray(family is T5 ? "T5EncoderModel" : family.ClassName(ModelTask.Bare));
        return FromKeys(keys, source) with { Head = null };
    }

    /// <summary>
    /// What is wrong with keys that a person wrote: as <see cref="FromKeys"/>, and keys that the family does not read, which published
    /// files
    /// are full of but which here are mistakes. A key and a message each.
    /// </summary>
    public static IEnumerable<(string Key, string Message)> Problems(JsonObject keys)
    {
        var reader = new ConfigKeys(keys, "");
        try
        {
            ModelCatalog.Family(reader.OneOf("model_type", ModelCatalog.Names)).Resolve(reader, keys);
        }
        catch (ModelConfigException e)
        {
            return [(e.Key, e.Message.TrimStart(':', ' '))];
        }
        return reader.Unread.Where(key => !IsAbout(key))
            .Select(key => (key, $"this model has no such key: {Suggestion.Phrase(key, reader.Asked)}"));

        // Keys for those who use the model later.
        static bool IsAbout(string key) => key is "architectures" or "id2label" or "label2id" or "num_labels" or "problem_type"
            || key.EndsWith("_token_id", StringComparison.Ordinal);
    }
}
