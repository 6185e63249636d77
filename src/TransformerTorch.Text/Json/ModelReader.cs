using System.Runtime.CompilerServices;
using System.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Json;

/// <summary>The "model" member of tokenizer.json.</summary>
internal static class ModelReader
{
    public static Model Read(Node node, LargeMembers large) => (node["type"].StringOrNull() ?? Guess(node, large)) switch
    {
        "BPE" => ReadBytePair(node, large),
        "WordPiece" => new WordPieceModel(
            ReadVocabulary(node["vocab"], large.Vocabulary),
            node.Required("unk_token").String(),
            node.Required("continuing_subword_prefix").String(),
            node.Required("max_input_chars_per_word").Length()),
        "WordLevel" => new WordLevelModel(ReadVocabulary(node["vocab"], large.Vocabulary), node.Required("unk_token").String()),
        "Unigram" => ReadUnigram(node, large),
        var type => throw node.Error($"model type '{type}' is unknown"),
    };

    // Old files do not name the type.
    private static string Guess(Node node, LargeMembers large) => large.Merges.Length > 0 ? "BPE"
        : large.Vocabulary.Length > 0 && large.Vocabulary.Span[0] == '[' ? "Unigram"
        : !node["continuing_subword_prefix"].IsNull ? "WordPiece" : "WordLevel";

    private static UnigramModel ReadUnigram(Node node, LargeMembers large)
    {
        var pieces = PieceReader.Read(node["vocab"], large.Vocabulary.Span);
        var unknown = node["unk_id"];
        if (!unknown.IsNull && unknown.Count() >= pieces.Count)
            throw unknown.Error($"id {unknown.Count()} is beyond the {pieces.Count} pieces");
        return new UnigramModel(pieces, unknown.IsNull ? null : unknown.Count(), node["byte_fallback"].Boolean(absent: false));
    }

    private static BytePairModel ReadBytePair(Node node, LargeMembers large)
    {
        var options = new BytePairOptions
        {
            Dropout = node["dropout"].IsNull ? null : (float)node["dropout"].Number(),
            UnknownToken = node["unk_token"].StringOrNull(),
            ContinuingSubwordPrefix = node["continuing_subword_prefix"].StringOrNull(),
            EndOfWordSuffix = node["end_of_word_suffix"].StringOrNull(),
            FuseUnknown = node["fuse_unk"].Boolean(absent: false),
            ByteFallback = node["byte_fallback"].Boolean(absent: false),
            IgnoreMerges = node["ignore_merges"].Boolean(absent: false),
        };
        if (options.Dropout is < 0 or > 1)
            throw node["dropout"].Error("dropout is a probability, from 0 to 1");
        var vocabulary = ReadVocabulary(node["vocab"], large.Vocabulary);
        var merges = new MergeReader(node["merges"], vocabulary, options.ContinuingSubwordPrefix).Read(large.Merges.Span);
        return new BytePairModel(vocabulary, merges, options);
    }

    // The loops over a large vocabulary run once: they are compiled well at the first call rather than after many.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vocabulary ReadVocabulary(Node node, ReadOnlyMemory<byte> json)
    {
        var reader = new Utf8JsonReader(json.Span);
        if (json.Length == 0 || !reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw node.Error("an object from token to id is expected");
        var vocabulary = new Vocabulary(Math.Max(16, json.Length / 24));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var token = reader.TokenBytes();
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var id) || id is < 0 or int.MaxValue)
                throw node.Error($"the id of '{Utf8.Text(token)}' is no whole number from 0 to {int.MaxValue - 1}");
            vocabulary.Add(token, id);
        }
        return vocabulary;
    }

    /// <summary>
    /// The bytes of the text or name that the reader stands on, escapes resolved; without them, those of the file itself.
    /// </summary>
    public static ReadOnlySpan<byte> TokenBytes(this ref readonly Utf8JsonReader reader) =>
        reader.ValueIsEscaped ? Utf8.Bytes(reader.GetString()!) : reader.ValueSpan;
}
