using System.Text.Json;
using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.Normalizers;

/// <summary>One after the other.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<Normalizer> items) : Normalizer
{
    public override void Apply(TextState state)
    {
        foreach (var item in items)
            item.Apply(state);
    }

    public override void Write(Utf8JsonWriter writer)
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
