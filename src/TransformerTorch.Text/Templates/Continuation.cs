using System.Text.Json.Nodes;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates;

/// <summary>
/// A final message left open, for the model to go on with it: rendered with a mark behind its text, and cut at the mark (as
/// huggingface/transformers, utils/chat_template_utils.py, does).
/// </summary>
internal sealed class Continuation
{
    private const string Mark = "CONTINUE_FINAL_MESSAGE_TAG ";

    private readonly string _text;

    private Continuation(JsonArray messages, string text) => (Messages, _text) = (messages, text);

    /// <summary>The messages, the last one's text with the mark behind it.</summary>
    public JsonArray Messages { get; }

    /// <summary>Marks the end of <paramref name="member"/> of the last message; of its last text where it is a list of parts.</summary>
    /// <exception cref="ChatTemplateException">There is no text to go on with, or the template does not know the member.</exception>
    public static Continuation Open(JsonArray messages, string member, string template)
    {
        var marked = (JsonArray)messages.DeepClone();
        if (marked.LastOrDefault() is not JsonObject last || last[member] is not { } value)
            throw new ChatTemplateException($"the final message has no '{member}' to go on with");
        if (!template.Contains(member, StringComparison.Ordinal))
            throw new ChatTemplateException($"the chat template does not know '{member}', so that nothing can go on with it");
        var (holder, name) = ((JsonObject?)last, member);
        if (value is JsonArray parts)
            (holder, name) = (parts.OfType<JsonObject>().LastOrDefault(part => part.ContainsKey("text")), "text");
        if (holder?[name] is not JsonValue given || !given.TryGetValue(out string? content))
            throw new ChatTemplateException($"the final message's '{member}' holds no text to go on with");
        holder[name] = content + Mark;
        return new Continuation(marked, content);
    }

    /// <summary>The chat up to the mark.</summary>
    /// <exception cref="ChatTemplateException">The template shows the final message not at all, or not as it is.</exception>
    public RenderedChat Cut(RenderedChat chat)
    {
        var at = chat.Text.LastIndexOf(Mark.TrimEnd(), StringComparison.Ordinal);
        if (at < 0 || !chat.Text.Contains(Strings.Strip(_text), StringComparison.Ordinal))
            throw new ChatTemplateException("the final message, which is to go on, does not stand in the chat as the template renders it");
        var text = chat.Text[..at];
        // Where the template takes white space off the message's end, what stood before the mark goes too.
        if (!chat.Text.AsSpan(at).StartsWith(Mark, StringComparison.Ordinal))
            text = Strings.Strip(text, null, "right");
        var spans = chat.Generations.Where(span => span.Start.Value < text.Length);
        return new RenderedChat(text, [.. spans.Select(span => span.Start.Value..Math.Min(span.End.Value, text.Length))]);
    }
}
