using System.Text.Json;
using TransformerTorch.Text.Models;

namespace TransformerTorch.Text.PostProcessors;

/// <summary>&lt;s&gt; A &lt;/s&gt;, and &lt;/s&gt; B &lt;/s&gt; behind it; all of type 0.</summary>
internal sealed class RobertaPostProcessor(NamedToken separator, NamedToken start, bool trimOffsets, bool addPrefixSpace) : PostProcessor
{
    public override int AddedTokens(bool isPair) => isPair ? 4 : 2;

    public override List<Draft> Process(List<Draft> drafts, Vocabulary vocabulary, bool addSpecialTokens)
    {
        foreach (var draft in drafts)
        {
            if (trimOffsets)
                ByteLevelPostProcessor.Trim(draft, vocabulary, addPrefixSpace);
            draft.SetTypeIds(0);
            if (!addSpecialTokens)
                continue;
            foreach (var part in draft.Overflowing)
                part.SetTypeIds(0);
        }
        if (!addSpecialTokens)
            return drafts;
        Token[] first = [Special(start.Id, start.Token, typeId: 0)];
        Token[] between = [Special(separator.Id, separator.Token, typeId: 0)];
        return [.. drafts.Select((draft, i) => draft.Surround(i == 0 ? first : between, between))];
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "RobertaProcessing");
        BertPostProcessor.Write(writer, "sep", separator);
        BertPostProcessor.Write(writer, "cls", start);
        writer.WriteBoolean("trim_offsets", trimOffsets);
        writer.WriteBoolean("add_prefix_space", addPrefixSpace);
        writer.WriteEndObject();
    }
}
