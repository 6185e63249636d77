using System.Text.Json.Nodes;
using TransformerTorch.Text.Templates.Evaluation;
using TransformerTorch.Text.Templates.Syntax;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates;

/// <summary>A chat as text, and which parts of it the template marked as the assistant's ({% generation %}).</summary>
public sealed record RenderedChat(string Text, IReadOnlyList<Range> Generations);

/// <summary>
/// A chat template: Jinja as Transformers runs it (3.1's immutable sandbox, trim_blocks, lstrip_blocks, break and continue, tojson,
/// raise_exception, strftime_now, generation). Safe to render from several threads. Not there: inclusion and inheritance of templates,
/// automatic escaping (`safe` and `escape` give plain text), and the filters that write HTML attributes or choose at random.
/// </summary>
public sealed class ChatTemplate
{
    private readonly Statement[] _body;

    private ChatTemplate(string source, Statement[] body) => (Source, _body) = (source, body);

    /// <summary>The template's text.</summary>
    public string Source { get; }

    /// <summary>Reads a template.</summary>
    /// <exception cref="ChatTemplateException">It is not one; the message names line and cause.</exception>
    public static ChatTemplate Parse(string source) => Guard(() => new ChatTemplate(source, Parser.Parse(source)));

    /// <summary>Renders a chat of plain turns.</summary>
    /// <exception cref="ChatTemplateException">The template fails or refuses the messages; the message names line and cause.</exception>
    public RenderedChat Render(IEnumerable<ChatMessage> messages, ChatTemplateOptions? options = null) =>
        Render(ChatMessage.ToJson(messages), options);

    /// <summary>Renders a chat of whatever the template knows: an array of objects with role, content, tool_calls ...</summary>
    /// <exception cref="ChatTemplateException">The template fails or refuses the messages; the message names line and cause.</exception>
    public RenderedChat Render(JsonArray messages, ChatTemplateOptions? options = null)
    {
        options ??= new ChatTemplateOptions();
        if (options is { AddGenerationPrompt: true, ContinueFinalMessage: not null })
            throw new ChatTemplateException("either the final message goes on or a new one is begun: not both");
        if (options.ContinueFinalMessage is not { } member)
            return RenderAll(messages, options);
        var continuation = Continuation.Open(messages, member, Source);
        return continuation.Cut(RenderAll(continuation.Messages, options));
    }

    private RenderedChat RenderAll(JsonArray messages, ChatTemplateOptions options) => Guard(() =>
    {
        var variables = new Dictionary<string, object?>
        {
            ["messages"] = PythonJson.Read(messages),
            ["tools"] = PythonJson.Read(options.Tools),
            ["documents"] = PythonJson.Read(options.Documents),
            ["add_generation_prompt"] = options.AddGenerationPrompt,
        };
        foreach (var (name, value) in options.Variables)
            variables[name] = PythonJson.Read(value);
        return new Interpreter(options.Limits, options.Now ?? DateTimeOffset.Now).Render(_body, variables);
    });

    private static T Guard<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (TemplateError error)
        {
            throw new ChatTemplateException(error, error.Line);
        }
    }
}
