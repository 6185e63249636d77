using System.Text.Json;

namespace TransformerTorch.Text.Json;

/// <summary>What tokenizer.json says of GPT-2's bytes, alike for pre-tokenizer, post-processor and decoder.</summary>
internal sealed record ByteLevelOptions
{
    /// <summary>A text that does not begin with a space gets one.</summary>
    public bool AddPrefixSpace { get; init; } = true;

    /// <summary>White space at a token's ends is left out of its offsets.</summary>
    public bool TrimOffsets { get; init; } = true;

    /// <summary>The text is cut by GPT-2's pattern.</summary>
    public bool UseRegex { get; init; } = true;

    public static ByteLevelOptions Read(Node node) => new()
    {
        AddPrefixSpace = node.Required("add_prefix_space").Boolean(),
        TrimOffsets = node.Required("trim_offsets").Boolean(),
        UseRegex = node["use_regex"].Boolean(absent: true),
    };

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "ByteLevel");
        writer.WriteBoolean("add_prefix_space", AddPrefixSpace);
        writer.WriteBoolean("trim_offsets", TrimOffsets);
        writer.WriteBoolean("use_regex", UseRegex);
        writer.WriteEndObject();
    }
}
