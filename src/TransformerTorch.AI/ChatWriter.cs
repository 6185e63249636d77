using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Generation;
using TransformerTorch.Generation.Batching;
using TransformerTorch.Generation.Grammars;
using TransformerTorch.Text.Templates;

namespace TransformerTorch.AI;

/// <summary>Answers chats and continues texts with a <see cref="ServedModel"/>.</summary>
public sealed class ChatWriter
{
    /// <summary>For models that were never taught a form of their own: roles and colons, a turn a line.</summary>
    private const string PlainTemplate =
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
    private readonly ServedModel _model;
    private readonly string _template; // empty: an encoder reads what is said, and nothing of who says it
    private readonly ToolFormat _tools;
    private readonly bool _thinks;

    /// <exception cref="NotSupportedException">The model does not write texts.</exception>
    public ChatWriter(ServedModel model)
    {
        if (model.Writer is null) throw new NotSupportedException($"the model '{model.Name}' embeds texts and does not write any");
        _model = model;
        var templates = model.Tokenizer.ChatTemplates;
        var wanted = model.Options.ChatTemplate.Length > 0 ? model.Options.ChatTemplate : "default";
        _template = templates.GetValueOrDefault(wanted)
            ?? (model.Options.ChatTemplate.Length > 0 ? wanted : model.EncoderDecoder is null ? PlainTemplate : "");
        var withTools = templates.GetValueOrDefault("tool_use", _template);
        _tools = ToolFormat.Of(withTools);
        _thinks = ThoughtReader.Marks(_template + withTools) || model.Tokenizer.TokenToId(ThoughtReader.Closing) is not null;
    }

    /// <summary>Answers a chat, piece by piece; leaving the enumeration cancels it.</summary>
    /// <exception cref="ArgumentException">The request cannot be followed.</exception>
    /// <exception cref="ChatTemplateException">The model's template refuses the messages.</exception>
    /// <exception cref="EngineBusyException">Too many are waiting.</exception>
    public IAsyncEnumerable<ChatPiece> Chat(ChatQuery query, CancellationToken cancellation = default)
    {
        var offered = query.ToolUse == ToolUse.None || query.Tools is not { Count: > 0 } ? null : query.Tools;
        var options = query.Options;
        if (_template == PlainTemplate) options = options with { StopTexts = [.. options.StopTexts, "\nuser:", "\nassistant:"] };
        var constraint = Constraint(query, offered);
        if (constraint is not null && _thinks) query = query.Thinking("none"); // what has a form begins with it
        var (prompt, opened) = Prompt(query, offered);
        var request = Request(prompt, options, query.MostTokens, query.LogProbabilities, constraint);
        var pieces = _model.Writer!.Stream(request, cancellation);
        var thoughts = _thinks ? new ThoughtReader(opened) : null;
        return Pieces(pieces, request.Prompt.Count, offered, query.SingleCall, thoughts, cancellation);
    }

    /// <summary>Continues a text, piece by piece; leaving the enumeration cancels it.</summary>
    /// <param name="prompt">the text's ids</param>
    /// <param name="options">how to generate</param>
    /// <param name="mostTokens">the most new tokens, whatever the options say; 0: as many as there is room for</param>
    /// <param name="logProbabilities">how many of the likeliest tokens are told beside each; null: no probabilities are told</param>
    /// <param name="cancellation">ends it between tokens</param>
    /// <inheritdoc cref="Chat"/>
    public IAsyncEnumerable<ChatPiece> Continue(IReadOnlyList<int> prompt, GenerationOptions options, int mostTokens = 0,
        int? logProbabilities = null, CancellationToken cancellation = default)
    {
        var request = Request(prompt, options, mostTokens, logProbabilities, null);
        return Pieces(_model.Writer!.Stream(request, cancellation), prompt.Count, null, false, null, cancellation);
    }

    /// <summary>The ids of a text.</summary>
    public IReadOnlyList<int> Encode(string text) => _model.Writer!.Encode(text);

    // A thought that the template opens, whatever it is told, is closed where there is to be none.
    private (IReadOnlyList<int> Ids, bool Opened) Prompt(ChatQuery query, JsonArray? tools)
    {
        if (_template.Length == 0)
            return tools is null ? (Encode(string.Join('\n', query.Messages.Select(m => $"{m!["content"]}"))), false)
                : throw new ArgumentException($"the model '{_model.Name}' was not taught to call functions: it has no chat template");
        var options = new ChatTemplateOptions
        {
            Tools = tools, AddGenerationPrompt = true, Template = _template, Variables = query.Variables,
        };
        if (tools is not null && _model.Options.ChatTemplate.Length == 0 && _model.Tokenizer.ChatTemplates.ContainsKey("tool_use"))
            options = options with { Template = "tool_use" };
        var chat = _model.Tokenizer.ApplyChatTemplate(query.Messages, options);
        var text = chat.Chat.Text.TrimEnd();
        if (!_thinks || !text.EndsWith(ThoughtReader.Opening, StringComparison.Ordinal)) return (chat.Ids, false);
        if (!query.ThinksNot) return (chat.Ids, true);
        return (_model.Tokenizer.Encode($"{text}\n\n{ThoughtReader.Closing}\n\n", addSpecialTokens: false).Ids, false);
    }

    private BatchRequest Request(
        IReadOnlyList<int> prompt, GenerationOptions options, int cap, int? logProbabilities, JsonConstraint? constraint)
    {
        var width = _model.Writer!.Width(prompt.Count);
        var room = _model.Writer.Longest - width;
        var most = options.MaxNewTokens ?? (options.MaxLength > width ? options.MaxLength - width : null)
            ?? (_model.Options.MaxOutputTokens > 0 ? _model.Options.MaxOutputTokens : room);
        most = Math.Max(Math.Min(Math.Min(most, room), cap > 0 ? cap : room), 0);
        if (room > 0 && constraint?.LeastTokens > most)
            throw new SchemaException($"the schema needs at least {constraint.LeastTokens} tokens, {most} may be generated");
        return new BatchRequest
        {
            // One that there is no room for is refused where all are.
            Prompt = prompt, Options = options with { MaxNewTokens = room > 0 ? most : 1 }, LogProbabilities = logProbabilities,
            Constraint = constraint,
        };
    }

    // Where an answer has a form and functions are offered, it is in that form or a call; in that form alone, where a function's parameters
    // ask for what cannot be followed.
    private JsonConstraint? Constraint(ChatQuery query, JsonArray? offered)
    {
        JsonForm? answer = query.Schema is { } schema ? new JsonForm(schema) : query.JsonObject ? JsonForm.AnyObject : null;
        if (query.ToolUse == ToolUse.Required) answer = null;
        else if (answer is null) return null;
        if (_model.Json is null) throw new ArgumentException("an encoder-decoder's answers take no form that is asked for");
        var call = Call(query, offered);
        try
        {
            return _model.Json.OneOf([.. new[] { answer, call }.OfType<JsonForm>()]);
        }
        catch (SchemaException) when (answer is not null && call is not null)
        {
            return _model.Json.OneOf(answer.Value);
        }
    }

    private JsonForm? Call(ChatQuery query, JsonArray? offered)
    {
        if (offered is null)
            return query.ToolUse == ToolUse.Required ? throw new ArgumentException("a function must be called, but none is given") : null;
        if (query.Tool is { } only && !ToolFormat.Names(offered).Contains(only))
            throw new ArgumentException($"the function '{only}' must be called, but is not given");
        var call = JsonSerializer.SerializeToElement(_tools.Schema(offered, query.Tool));
        return new JsonForm(call, _tools.Opening, _tools.Closing);
    }

    private static async IAsyncEnumerable<ChatPiece> Pieces(IAsyncEnumerable<TextPiece> pieces, int input, JsonArray? tools, bool single,
        ThoughtReader? thoughts, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var (whole, given, output) = (new StringBuilder(), 0, 0);
        await foreach (var piece in pieces.WithCancellation(cancellation).ConfigureAwait(false))
        {
            if (piece.Id is not null) output++;
            TextPiece? token = piece.Id is null ? null : piece;
            var (thought, said) = thoughts?.Add(piece) ?? ("", piece.Text);
            var next = new ChatPiece
            {
                Text = said, Thought = thought, Token = token, InputTokens = input, CachedInputTokens = piece.HeldTokens,
                OutputTokens = output, ThoughtTokens = thoughts?.Tokens ?? 0,
            };
            ChatFinish? finish = piece.Finish switch { null => null, FinishReason.Length => ChatFinish.Length, _ => ChatFinish.Stop };
            if (tools is null)
            {
                yield return next with { Finish = finish };
                continue;
            }
            whole.Append(said);
            var text = whole.ToString();
            var first = single && said.Contains('}', StringComparison.Ordinal) ? ToolFormat.ReadFirst(text, tools) : null;
            var (shown, calls) = first
                ?? (finish is null ? (text[..Math.Max(given, ToolFormat.Certain(text))], []) : ToolFormat.Read(text, tools));
            var from = Math.Min(given, shown.Length);
            given = Math.Max(given, shown.Length);
            yield return next with
            {
                Text = shown[from..], ToolCalls = calls, Finish = calls.Count > 0 ? ChatFinish.ToolCalls : finish,
            };
            if (first is not null) yield break; // leaving cancels what is still to come
        }
    }
}
