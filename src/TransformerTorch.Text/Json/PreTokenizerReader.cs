using TransformerTorch.Text.PreTokenizers;

namespace TransformerTorch.Text.Json;

/// <summary>The "pre_tokenizer" member of tokenizer.json.</summary>
internal static class PreTokenizerReader
{
    public static PreTokenizer? ReadOrNull(Node node) => node.IsNull ? null : Read(node);

    private static PreTokenizer Read(Node node) => node.Required("type").String() switch
    {
        "ByteLevel" => new ByteLevelPreTokenizer
        {
            AddPrefixSpace = node.Required("add_prefix_space").Boolean(),
            TrimOffsets = node.Required("trim_offsets").Boolean(),
            UseRegex = node["use_regex"].Boolean(absent: true),
        },
        "Sequence" => new SequencePreTokenizer([.. node.Required("pretokenizers").Items().Select(Read)]),
        var type => throw node.Error($"pre-tokenizer type '{type}' is unknown"),
    };
}
