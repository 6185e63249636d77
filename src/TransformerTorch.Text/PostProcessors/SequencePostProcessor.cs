using System.Text.Json;
using TransformerTorch.Text.Models;

namespace TransformerTorch.Text.PostProcessors;

/// <summary>One after the other.</summary>
internal sealed class SequencePostProcessor(IReadOnlyList<PostProcessor> items) : PostProcessor
{
    public override int AddedTokens(bool isPair) => items.Sum(item => item.AddedTokens(isPair));

    public override List<Draft> Process(List<Draft> drafts, Vocabulary vocabulary, bool addSpecialTokens) =>
        items.Aggregate(drafts, (current, item) => item.Process(current, vocabulary, addSpecialTokens));

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Sequence");
        writer.WriteStartArray("processors");
        foreach (var item in items)
            item.Write(writer);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
