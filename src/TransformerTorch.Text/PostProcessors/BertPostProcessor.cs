using System.Text.Json;
using TransformerTorch.Text.Models;

namespace TransformerTorch.Text.PostProcessors;

/// <summary>A special token and its id, as the post-processors of BERT and RoBERTa name them.</summary>
internal readonly record struct NamedToken(string Token, int Id);

/// <summary>[CLS] A [SEP], and B [SEP] behind it.</summary>
internal sealed class BertPostProcessor(NamedToken separator, NamedToken start) : PostProcessor
{
    public override int AddedTokens(bool isPair) => isPair ? 3 : 2;

    public override List<Draft> Process(List<Draft> drafts, Vocabulary vocabulary, bool addSpecialTokens)
    {
        if (!addSpecialTokens)
            return drafts;
        Token[] first = [Special(start.Id, start.Token, typeId: 0)];
        return [.. drafts.Select((draft, i) =>
            draft.Surround(i == 0 ? first : [], [Special(separator.Id, separator.Token, i == 0 ? 0 : 1)]))];
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "BertProcessing");
        Write(writer, "sep", separator);
        Write(writer, "cls", start);
        writer.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter writer, string name, NamedToken token)
    {
        writer.WriteStartArray(name);
        writer.WriteStringValue(token.Token);
        writer.WriteNumberValue(token.Id);
        writer.WriteEndArray();
    }
}
