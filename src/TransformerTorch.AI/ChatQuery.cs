using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Generation;

namespace TransformerTorch.AI;

/// <summary>Whether the model may, must or must not call a function.</summary>
public enum ToolUse
{
    /// <summary>As it likes.</summary>
    Auto,

    /// <summary>It must not.</summary>
    None,

    /// <summary>It must.</summary>
    Required,
}

/// <summary>A chat to go on with, in the words of OpenAI's and Hugging Face's JSON.</summary>
public sealed record ChatQuery
{
    /// <summary>What callers name <see cref="Variables"/>, vLLM's word.</summary>
    public const string VariablesKey = "chat_template_kwargs";

    private static readonly string[] s_usual = ["messages", "tools", "documents", "add_generation_prompt"];
    private static readonly string[] s_thinking = ["enable_thinking", "thinking"]; // Qwen's name, DeepSeek's

    /// <summary>Turns: role, content, tool_calls ...</summary>
    public required JsonArray Messages { get; init; }

    /// <summary>Functions that may be called: <c>{"type":"function","function":{"name":...}}</c>.</summary>
    public JsonArray? Tools { get; init; }

    /// <summary>Whether they may be called.</summary>
    public ToolUse ToolUse { get; init; }

    /// <summary>The one that must be called; null: any.</summary>
    public string? Tool { get; init; }

    /// <summary>Whether an answer calls one function at most: it ends with the first call.</summary>
    public bool SingleCall { get; init; }

    /// <summary>A schema for the answer; null: any text.</summary>
    public JsonElement? Schema { get; init; }

    /// <summary>Whether the answer is a JSON object, whatever it holds.</summary>
    public bool JsonObject { get; init; }

    /// <summary>Variables of the model's template beyond the usual ones, as it names them.</summary>
    public IReadOnlyDictionary<string, JsonNode?> Variables { get; init; } = new Dictionary<string, JsonNode?>();

    /// <summary>How to generate.</summary>
    public required GenerationOptions Options { get; init; }

    /// <summary>The most new tokens, whatever the options say; 0: as many as there is room for.</summary>
    public int MostTokens { get; init; }

    /// <summary>How many of the likeliest tokens are told beside each; null: no probabilities are told.</summary>
    public int? LogProbabilities { get; init; }

    /// <summary>So with thinking turned on or off, where the model's template can be told.</summary>
    /// <param name="effort">none, which turns it off, or how much: minimal, low, medium, high, xhigh</param>
    public ChatQuery Thinking(string effort) => With(effort == "none" ? new JsonObject { [s_thinking[0]] = false }
        : new JsonObject { [s_thinking[0]] = true, ["reasoning_effort"] = effort });

    /// <summary>So with more of the template's variables, a JSON object; null: with none.</summary>
    /// <exception cref="ArgumentException">It is no object, or names what is not for callers to set.</exception>
    public ChatQuery With(JsonNode? variables)
    {
        if (variables is null) return this;
        if (variables is not JsonObject given) throw new ArgumentException($"{VariablesKey}: expected an object");
        if (given.Select(v => v.Key).Intersect(s_usual).FirstOrDefault() is { } usual)
            throw new ArgumentException($"{VariablesKey}: '{usual}' is not set there");
        var all = new Dictionary<string, JsonNode?>(Variables);
        foreach (var (name, value) in given) all[name] = value;
        if (s_thinking.Where(given.ContainsKey).ToArray() is [var told]) // by either name for both
            foreach (var name in s_thinking) all[name] = given[told];
        return this with { Variables = all };
    }

    internal bool ThinksNot => Variables.GetValueOrDefault(s_thinking[0])?.GetValueKind() == JsonValueKind.False;
}

/// <summary>Why an answer ended.</summary>
public enum ChatFinish
{
    /// <summary>By itself or at a stop text.</summary>
    Stop,

    /// <summary>At the most tokens.</summary>
    Length,

    /// <summary>It calls functions.</summary>
    ToolCalls,
}

/// <summary>A call of a function.</summary>
/// <param name="Id">made up here</param>
/// <param name="Name">of the function</param>
/// <param name="Arguments">a JSON object</param>
public sealed record ToolCall(string Id, string Name, JsonObject Arguments);

/// <summary>A piece of an answer.</summary>
public sealed record ChatPiece
{
    /// <summary>What became readable.</summary>
    public string Text { get; init; } = "";

    /// <summary>What became readable of what is thought before the answer.</summary>
    public string Thought { get; init; } = "";

    /// <summary>The token that came; null in a piece that only ends the answer.</summary>
    public TextPiece? Token { get; init; }

    /// <summary>Calls, in the last piece.</summary>
    public IReadOnlyList<ToolCall> ToolCalls { get; init; } = [];

    /// <summary>Set in the last piece only.</summary>
    public ChatFinish? Finish { get; init; }

    /// <summary>Tokens of the prompt.</summary>
    public int InputTokens { get; init; }

    /// <summary>Tokens of the prompt that were not read, because they were held already.</summary>
    public int CachedInputTokens { get; init; }

    /// <summary>Tokens generated so far.</summary>
    public int OutputTokens { get; init; }

    /// <summary>Those among them that were thought.</summary>
    public int ThoughtTokens { get; init; }
}
