using TransformerTorch.Text.PostProcessors;

namespace TransformerTorch.Text.Json;

/// <summary>The "post_processor" member of tokenizer.json.</summary>
internal static class PostProcessorReader
{
    public static PostProcessor? ReadOrNull(Node node) => node.IsNull ? null : Read(node);

    private static PostProcessor Read(Node node) => node.Required("type").String() switch
    {
        "ByteLevel" => new ByteLevelPostProcessor
        {
            AddPrefixSpace = node.Required("add_prefix_space").Boolean(),
            TrimOffsets = node.Required("trim_offsets").Boolean(),
            UseRegex = node["use_regex"].Boolean(absent: true),
        },
        "Sequence" => new SequencePostProcessor([.. node.Required("processors").Items().Select(Read)]),
        var type => throw node.Error($"post-processor type '{type}' is unknown"),
    };
}
