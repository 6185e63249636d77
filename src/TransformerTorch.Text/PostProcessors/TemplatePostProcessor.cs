using System.Text.Json;
using TransformerTorch.Text.Models;

namespace TransformerTorch.Text.PostProcessors;

/// <summary>A part of a template: a text, or a special token by its name in the template's table.</summary>
/// <param name="Sequence">0 or 1 for a text, -1 for a special token.</param>
/// <param name="Name">The special token's name.</param>
/// <param name="TypeId">The type of its tokens.</param>
internal sealed record TemplatePart(int Sequence, string Name, int TypeId);

/// <summary>What a special token of a template stands for: one token or several.</summary>
internal sealed record TemplateToken(string Name, int[] Ids, string[] Tokens);

/// <summary>Texts and special tokens in the order that a template gives.</summary>
internal sealed class TemplatePostProcessor(
    IReadOnlyList<TemplatePart> single,
    IReadOnlyList<TemplatePart> pair,
    IReadOnlyDictionary<string, TemplateToken> specialTokens) : PostProcessor
{
    public override int AddedTokens(bool isPair) =>
        (isPair ? pair : single).Sum(part => part.Sequence < 0 ? specialTokens[part.Name].Ids.Length : 0);

    public override List<Draft> Process(List<Draft> drafts, Vocabulary vocabulary, bool addSpecialTokens)
    {
        if (drafts.Count is 0 or > 2)
            throw new TokenizerException($"a template takes one or two texts, but the post-processor before it made {drafts.Count} parts");
        var parts = new List<Draft>();
        foreach (var part in drafts.Count > 1 ? pair : single)
        {
            if (part.Sequence >= 0)
            {
                var text = drafts[part.Sequence].Copy();
                text.SetTypeIds(part.TypeId);
                parts.Add(text);
            }
            else if (addSpecialTokens)
            {
                var token = specialTokens[part.Name];
                parts.Add(new Draft([.. token.Ids.Select((id, i) => Special(id, token.Tokens[i], part.TypeId))]));
            }
        }
        return parts;
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "TemplateProcessing");
        Write(writer, "single", single);
        Write(writer, "pair", pair);
        writer.WriteStartObject("special_tokens");
        foreach (var (name, token) in specialTokens.OrderBy(item => item.Key, StringComparer.Ordinal))
        {
            writer.WriteStartObject(name);
            writer.WriteString("id", token.Name);
            writer.WriteStartArray("ids");
            foreach (var id in token.Ids)
                writer.WriteNumberValue(id);
            writer.WriteEndArray();
            writer.WriteStartArray("tokens");
            foreach (var text in token.Tokens)
                writer.WriteStringValue(text);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, string name, IReadOnlyList<TemplatePart> template)
    {
        writer.WriteStartArray(name);
        foreach (var part in template)
        {
            writer.WriteStartObject();
            writer.WriteStartObject(part.Sequence < 0 ? "SpecialToken" : "Sequence");
            writer.WriteString("id", part.Sequence < 0 ? part.Name : part.Sequence == 0 ? "A" : "B");
            writer.WriteNumber("type_id", part.TypeId);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }
}
