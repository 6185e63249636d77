using System.Text.Json.Nodes;

namespace TransformerTorch.Text.Templates;

/// <summary>One turn of a chat; what else a template asks for (tool calls, reasoning, parts) goes in as JSON instead.</summary>
public sealed record ChatMessage(string Role, string Content)
{
    internal static JsonArray ToJson(IEnumerable<ChatMessage> messages) =>
        [.. messages.Select(message => new JsonObject { ["role"] = message.Role, ["content"] = message.Content })];
}

/// <summary>What a chat is rendered with besides its messages.</summary>
public sealed record ChatTemplateOptions
{
    /// <summary>The functions that the model may call, as JSON schemas; null: none, which templates see as None.</summary>
    public JsonArray? Tools { get; init; }

    /// <summary>What the model is to answer from, each with a title and a text.</summary>
    public JsonArray? Documents { get; init; }

    /// <summary>Whether the text ends with the opening of the assistant's turn.</summary>
    public bool AddGenerationPrompt { get; init; }

    /// <summary>
    /// The member of the final message, usually "content", that the model is to go on with: the text ends with it, its turn stays open.
    /// Null: all turns are closed.
    /// </summary>
    public string? ContinueFinalMessage { get; init; }

    /// <summary>
    /// For <see cref="Tokenizer.ApplyChatTemplate(JsonArray, ChatTemplateOptions?)"/>: the name of one of the tokenizer's templates, or a
    /// template's source; null: "tool_use" where there are tools and such a template, else "default".
    /// </summary>
    public string? Template { get; init; }

    /// <summary>Further variables: bos_token, eos_token, enable_thinking ... They win over the others.</summary>
    public IReadOnlyDictionary<string, JsonNode?> Variables { get; init; } = new Dictionary<string, JsonNode?>();

    /// <summary>The time that strftime_now tells; null: the clock's.</summary>
    public DateTimeOffset? Now { get; init; }

    /// <summary>How much a template may do.</summary>
    public TemplateLimits Limits { get; init; } = new();
}

/// <summary>Bounds for templates of unknown origin. Parsing has bounds of its own.</summary>
public sealed record TemplateLimits
{
    /// <summary>Expressions and statements run, items looped over, and hundreds of characters worked on.</summary>
    public long Steps { get; init; } = 5_000_000;

    /// <summary>Calls, statements and expressions within each other.</summary>
    public int Depth { get; init; } = 1_000;

    /// <summary>Characters of text.</summary>
    public int OutputLength { get; init; } = 16_000_000;
}
