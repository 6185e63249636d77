using System.Text.Json;
using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.PreTokenizers;

/// <summary>One after the other.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<PreTokenizer> items) : PreTokenizer
{
    public IReadOnlyList<PreTokenizer> Items { get; } = items;

    public override void Apply(TextState state)
    {
        foreach (var item in Items)
            item.Apply(state);
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Sequence");
        writer.WriteStartArray("pretokenizers");
        foreach (var item in Items)
            item.Write(writer);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
