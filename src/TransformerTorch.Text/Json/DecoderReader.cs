using TransformerTorch.Text.Decoders;

namespace TransformerTorch.Text.Json;

/// <summary>The "decoder" member of tokenizer.json.</summary>
internal static class DecoderReader
{
    public static Decoder? ReadOrNull(Node node) => node.IsNull ? null : Read(node);

    private static Decoder Read(Node node) => node.Required("type").String() switch
    {
        "ByteLevel" => new ByteLevelDecoder(ByteLevelOptions.Read(node)),
        "WordPiece" => new WordPieceDecoder(node.Required("prefix").String(), node.Required("cleanup").Boolean()),
        "Metaspace" => new MetaspaceDecoder(
            node.Required("replacement").Character(), PreTokenizerReader.Scheme(node), node["split"].Boolean(absent: true)),
        "BPEDecoder" => new BytePairDecoder(node.Required("suffix").String()),
        "CTC" => new CtcDecoder(
            node.Required("pad_token").String(), node.Required("word_delimiter_token").String(), node.Required("cleanup").Boolean()),
        "Replace" => new ReplaceDecoder(PreTokenizerReader.Pattern(node), node.Required("content").String()),
        "Fuse" => new FuseDecoder(),
        "Strip" => new StripDecoder(node.Required("content").Character(), node.Required("start").Length(), node.Required("stop").Length()),
        "ByteFallback" => new ByteFallbackDecoder(),
        "Sequence" => new SequenceDecoder([.. node.Required("decoders").Items().Select(Read)]),
        var type => throw node.Error($"decoder type '{type}' is unknown"),
    };
}
