using TransformerTorch.Text.Normalizers;

namespace TransformerTorch.Text.Json;

/// <summary>The "normalizer" member of tokenizer.json.</summary>
internal static class NormalizerReader
{
    public static Normalizer? ReadOrNull(Node node) => node.IsNull ? null : Read(node);

    private static Normalizer Read(Node node) => node.Required("type").String() switch
    {
        var type => throw node.Error($"normalizer type '{type}' is unknown"),
    };
}
