using TransformerTorch.Text.Decoders;

namespace TransformerTorch.Text.Json;

/// <summary>The "decoder" member of tokenizer.json.</summary>
internal static class DecoderReader
{
    public static Decoder? ReadOrNull(Node node) => node.IsNull ? null : Read(node);

    private static Decoder Read(Node node) => node.Required("type").String() switch
    {
        "ByteLevel" => new ByteLevelDecoder
        {
            AddPrefixSpace = node.Required("add_prefix_space").Boolean(),
            TrimOffsets = node.Required("trim_offsets").Boolean(),
            UseRegex = node["use_regex"].Boolean(absent: true),
        },
        "Sequence" => new SequenceDecoder([.. node.Required("decoders").Items().Select(Read)]),
        var type => throw node.Error($"decoder type '{type}' is unknown"),
    };
}
