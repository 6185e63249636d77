using System.Runtime.InteropServices;
using System.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Json;

/// <summary>The "model" member of tokenizer.json.</summary>
internal static class ModelReader
{
    public static Model Read(Node node) => (node["type"].StringOrNull() ?? Guess(node)) switch
    {
        "BPE" => ReadBytePair(node),
        "WordPiece" => new WordPieceModel(
            ReadVocabulary(node.Required("vocab")),
            node.Required("unk_token").String(),
            node.Required("continuing_subword_prefix").String(),
            node.Required("max_input_chars_per_word").Length()),
        "WordLevel" => new WordLevelModel(ReadVocabulary(node.Required("vocab")), node.Required("unk_token").String()),
        "Unigram" => ReadUnigram(node),
        var type => throw node.Error($"model type '{type}' is unknown"),
    };

    // Old files do not name the type.
    private static string Guess(Node node) => !node["merges"].IsNull ? "BPE"
        : node["vocab"].Value.ValueKind == JsonValueKind.Array ? "Unigram"
        : !node["continuing_subword_prefix"].IsNull ? "WordPiece" : "WordLevel";

    private static UnigramModel ReadUnigram(Node node)
    {
        var vocabulary = node.Required("vocab");
        if (vocabulary.Value.ValueKind != JsonValueKind.Array)
            throw vocabulary.Error("a list of pieces and their scores is expected");
        var pieces = new List<(byte[] Token, double Score)>(vocabulary.Value.GetArrayLength());
        foreach (var item in vocabulary.Value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Array || item.GetArrayLength() != 2 || item[1].ValueKind != JsonValueKind.Number
                || !item[1].TryGetDouble(out var score) || !double.IsFinite(score))
                throw (vocabulary with { Value = item, Path = $"{vocabulary.Path}[{pieces.Count}]" }).Error("a piece and its score are expected");
            pieces.Add((StringBytes(vocabulary with { Value = item[0] }).ToArray(), score));
        }
        var unknown = node["unk_id"];
        if (!unknown.IsNull && unknown.Count() >= pieces.Count)
            throw unknown.Error($"id {unknown.Count()} is beyond the {pieces.Count} pieces");
        return new UnigramModel(pieces, unknown.IsNull ? null : unknown.Count(), node["byte_fallback"].Boolean(absent: false));
    }

    private static BytePairModel ReadBytePair(Node node)
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
        var vocabulary = ReadVocabulary(node.Required("vocab"));
        return new BytePairModel(vocabulary, ReadMerges(node.Required("merges"), vocabulary, options), options);
    }

    private static Vocabulary ReadVocabulary(Node node)
    {
        if (node.Value.ValueKind != JsonValueKind.Object)
            throw node.Error("an object from token to id is expected");
        var vocabulary = new Vocabulary(Math.Max(16, node.Value.GetPropertyCount()));
        foreach (var property in node.Value.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetInt32(out var id) || id is < 0 or int.MaxValue)
                throw (node with { Value = property.Value }).Error($"the id of '{property.Name}' is no whole number from 0 to {int.MaxValue - 1}");
            vocabulary.Add(Unescape(JsonMarshal.GetRawUtf8PropertyName(property), () => property.Name), id);
        }
        return vocabulary;
    }

    private static ReadOnlySpan<byte> Unescape(ReadOnlySpan<byte> raw, Func<string> text) => raw.Contains((byte)'\\') ? Utf8.Bytes(text()) : raw;

    /// <summary>Merges as ["a b", ...] or as [["a", "b"], ...].</summary>
    private static MergeTable ReadMerges(Node node, Vocabulary vocabulary, BytePairOptions options)
    {
        if (node.Value.ValueKind != JsonValueKind.Array)
            throw node.Error("a list of merges is expected");
        var merges = new MergeTable(node.Value.GetArrayLength());
        var prefix = options.ContinuingSubwordPrefix is null ? 0 : Utf8.Bytes(options.ContinuingSubwordPrefix).Length;
        var joined = new byte[vocabulary.MaxTokenLength * 2 + 1];
        var rank = 0;
        foreach (var item in node.Value.EnumerateArray())
        {
            var place = node with { Value = item, Path = node.Path };
            Parts(place, rank, out var left, out var right);
            var (leftId, rightId) = (vocabulary.Id(left), vocabulary.Id(right));
            if (leftId < 0 || rightId < 0)
                throw place.Error($"merge {rank}: '{Utf8.Text(leftId < 0 ? left : right)}' is not in the vocabulary");
            if (right.Length < prefix)
                throw place.Error($"merge {rank}: '{Utf8.Text(right)}' is shorter than the prefix '{options.ContinuingSubwordPrefix}'");
            left.CopyTo(joined);
            right[prefix..].CopyTo(joined.AsSpan(left.Length));
            var merged = vocabulary.Id(joined.AsSpan(0, left.Length + right.Length - prefix));
            if (merged < 0)
                throw place.Error($"merge {rank}: '{Utf8.Text(left)}' and '{Utf8.Text(right)}' join to a token that is not in the vocabulary");
            merges.Add(leftId, rightId, rank++, merged);
        }
        return merges;
    }

    private static void Parts(Node node, int rank, out ReadOnlySpan<byte> left, out ReadOnlySpan<byte> right)
    {
        if (node.Value.ValueKind == JsonValueKind.Array && node.Value.GetArrayLength() == 2)
        {
            left = StringBytes(node with { Value = node.Value[0] });
            right = StringBytes(node with { Value = node.Value[1] });
            return;
        }
        var text = StringBytes(node);
        var space = text.IndexOf((byte)' ');
        if (space < 0 || text[(space + 1)..].Contains((byte)' '))
            throw node.Error($"merge {rank}: two tokens with one space between are expected");
        left = text[..space];
        right = text[(space + 1)..];
    }

    private static ReadOnlySpan<byte> StringBytes(Node node)
    {
        if (node.Value.ValueKind != JsonValueKind.String)
            throw node.Error("a text is expected");
        var value = node.Value;
        return Unescape(JsonMarshal.GetRawUtf8Value(value)[1..^1], () => value.GetString()!);
    }
}
