using System.Text.Json;
using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.Normalizers;

/// <summary>One after the other.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<INormalizer> items) : INormalizer
{
    public void Apply(TextState state)
    {
        foreach (var item in items)
            item.Apply(state);
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Sequence");
        writer.WriteStartArray("normalizers");
        foreach (var item in items)
            item.Write(writer);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
