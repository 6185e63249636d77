using System.Text.Json.Nodes;

namespace TransformerTorch.Text.Templates;

/// <summary>A chat as its template renders it, and as tokens.</summary>
/// <param name="Chat">The text, and which parts of it are the assistant's.</param>
/// <param name="Encoding">The text's tokens; the template has written the special ones itself, none is added.</param>
public sealed record ChatEncoding(RenderedChat Chat, Encoding Encoding)
{
    /// <summary>The ids; the array is the encoding's own.</summary>
    public int[] Ids => Encoding.Ids;

    /// <summary>
    /// 1 for the assistant's tokens, those between {% generation %} and {% endgeneration %}; all 0 where the template has no such marks.
    /// </summary>
    public int[] AssistantMask => field ??= Mask();

    internal static ChatEncoding Of(Tokenizer tokenizer, JsonArray messages, ChatTemplateOptions options)
    {
        var variables = new Dictionary<string, JsonNode?>(tokenizer.SpecialTokens.ByRole().Select(
            role => KeyValuePair.Create($"{role.Role}_token", (JsonNode?)role.Token)));
        foreach (var (name, value) in options.Variables)
            variables[name] = value;
        var template = tokenizer.ChatTemplate(Source(tokenizer.ChatTemplates, options));
        var chat = template.Render(messages, options with { Variables = variables });
        return new ChatEncoding(chat, tokenizer.Encode(chat.Text, addSpecialTokens: false));
    }

    private static string Source(IReadOnlyDictionary<string, string> templates, ChatTemplateOptions options)
    {
        if (options.Template is { } asked)
            return templates.GetValueOrDefault(asked, asked);
        if (options.Tools is not null && templates.TryGetValue("tool_use", out var withTools))
            return withTools;
        if (templates.TryGetValue(Pretrained.ChatTemplates.DefaultName, out var usual))
            return usual;
        throw new ChatTemplateException(
            templates.Count == 0
                ? "the tokenizer's folder names no chat template; give one in ChatTemplateOptions.Template"
                : $"no chat template is the default; name one in ChatTemplateOptions.Template: {string.Join(", ", templates.Keys)}");
    }

    // As the reference does: from the first token that has the span's first character to the first that has its last; so of a last
    // character in several tokens only one counts, and a character that no token has ends the mask, as behind truncation.
    private int[] Mask()
    {
        var mask = new int[Encoding.Count];
        foreach (var span in Chat.Generations)
        {
            var first = TokenOf(span.Start.Value);
            if (first < 0)
                break;
            var last = TokenOf(span.End.Value - 1);
            for (var i = first; i <= (last > 0 ? last : mask.Length - 1); i++)
                mask[i] = 1;
        }
        return mask;
    }

    private int TokenOf(int character) => Array.FindIndex(Encoding.Offsets, offset => offset.Start <= character && character < offset.End);
}
