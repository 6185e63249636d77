using TransformerTorch.Text.Normalizers;

namespace TransformerTorch.Text.Json;

/// <summary>The "normalizer" member of tokenizer.json.</summary>
internal static class NormalizerReader
{
    public static INormalizer? ReadOrNull(Node node) => node.IsNull ? null : Read(node);

    private static INormalizer Read(Node node) => node.Required("type").String() switch
    {
        "BertNormalizer" or "Bert" => new BertNormalizer(new BertNormalizerOptions
        {
            CleanText = node.Required("clean_text").Boolean(),
            HandleChineseCharacters = node.Required("handle_chinese_chars").Boolean(),
            StripAccents = node["strip_accents"].IsNull ? null : node["strip_accents"].Boolean(),
            Lowercase = node.Required("lowercase").Boolean(),
        }),
        "Strip" => new StripNormalizer(node.Required("strip_left").Boolean(), node.Required("strip_right").Boolean()),
        "StripAccents" => new StripAccentsNormalizer(),
        "NFC" => new FormNormalizer(compatible: false, compose: true),
        "NFD" => new FormNormalizer(compatible: false, compose: false),
        "NFKC" => new FormNormalizer(compatible: true, compose: true),
        "NFKD" => new FormNormalizer(compatible: true, compose: false),
        "Lowercase" => new LowercaseNormalizer(),
        "Nmt" => new NmtNormalizer(),
        "Precompiled" => ReadPrecompiled(node.Required("precompiled_charsmap")),
        "Replace" => new ReplaceNormalizer(PreTokenizerReader.Pattern(node), node.Required("content").String()),
        "Prepend" => new PrependNormalizer(node.Required("prepend").String()),
        "ByteLevel" => new ByteLevelNormalizer(),
        "Sequence" => new SequenceNormalizer([.. node.Required("normalizers").Items().Select(Read)]),
        var type => throw node.Error($"normalizer type '{type}' is unknown"),
    };

    private static PrecompiledNormalizer ReadPrecompiled(Node node)
    {
        try
        {
            return new PrecompiledNormalizer(Convert.FromBase64String(node.String()));
        }
        catch (FormatException)
        {
            throw node.Error("the table is not base64");
        }
        catch (TokenizerException exception)
        {
            throw node.Error(exception.Message);
        }
    }
}
