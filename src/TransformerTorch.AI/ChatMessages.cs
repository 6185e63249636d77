using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using TransformerTorch.Generation;

namespace TransformerTorch.AI;

/// <summary>From the words of Microsoft.Extensions.AI to a <see cref="ChatQuery"/>.</summary>
internal static class ChatMessages
{
    public static ChatQuery Query(
        IChatClient client, IEnumerable<ChatMessage> messages, ChatOptions? options, GenerationOptions defaults)
    {
        var turns = new JsonArray();
        if (options?.Instructions is { Length: > 0 } instructions) turns.Add(Turn("system", instructions));
        foreach (var message in messages) Add(turns, message);
        if (turns.Count == 0) throw new ArgumentException("a chat without messages");
        var query = new ChatQuery
        {
            Messages = turns, Tools = Tools(options), Options = Generation(client, options, defaults),
            ToolUse = options?.ToolMode is NoneChatToolMode ? ToolUse.None
                : options?.ToolMode is RequiredChatToolMode ? ToolUse.Required : ToolUse.Auto,
            Tool = (options?.ToolMode as RequiredChatToolMode)?.RequiredFunctionName,
            SingleCall = options?.AllowMultipleToolCalls == false,
            Schema = (options?.ResponseFormat as ChatResponseFormatJson)?.Schema,
            JsonObject = options?.ResponseFormat is ChatResponseFormatJson { Schema: null },
        };
        if (options?.Reasoning?.Effort is { } effort) query = query.Thinking(Word(effort));
        return options?.AdditionalProperties?.TryGetValue(ChatQuery.VariablesKey, out var given) == true
            ? query.With(JsonSerializer.SerializeToNode(given)) : query;
    }

    private static void Add(JsonArray turns, ChatMessage message)
    {
        foreach (var result in message.Contents.OfType<FunctionResultContent>())
            turns.Add(new JsonObject
            {
                ["role"] = "tool", ["tool_call_id"] = result.CallId,
                ["content"] = result.Result as string ?? JsonSerializer.Serialize(result.Result),
            });
        if (message.Contents.FirstOrDefault(c => c is DataContent or UriContent) is { } other)
            throw new NotSupportedException($"this model reads text, not {other.GetType().Name}");
        var calls = message.Contents.OfType<FunctionCallContent>().Select(c => (JsonNode)new JsonObject
        {
            ["id"] = c.CallId, ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = c.Name, ["arguments"] = JsonSerializer.SerializeToNode(c.Arguments) ?? new JsonObject(),
            },
        }).ToArray();
        var thought = string.Concat(message.Contents.OfType<TextReasoningContent>().Select(t => t.Text));
        var isEmpty = message.Text.Length == 0 && thought.Length == 0 && calls.Length == 0;
        if (message.Role == ChatRole.Tool || (isEmpty && message.Contents.Count > 0)) return;
        var turn = Turn(message.Role.Value, message.Text);
        if (calls.Length > 0) turn["tool_calls"] = new JsonArray(calls);
        if (thought.Length > 0) turn["reasoning_content"] = thought;
        turns.Add(turn);
    }

    private static string Word(ReasoningEffort effort)
        => effort == ReasoningEffort.ExtraHigh ? "xhigh" : $"{effort}".ToLowerInvariant();

    private static JsonObject Turn(string role, string text) => new() { ["role"] = role, ["content"] = text };

    private static JsonArray? Tools(ChatOptions? options)
    {
        if (options?.Tools is not { Count: > 0 } tools) return null;
        return new JsonArray([.. tools.Select(tool => (JsonNode)new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = tool.Name, ["description"] = tool.Description,
                ["parameters"] = tool is AIFunctionDeclaration function ? JsonSerializer.SerializeToNode(function.JsonSchema)
                    : throw new NotSupportedException($"a tool of kind {tool.GetType().Name}: functions are called, nothing else"),
            },
        })]);
    }

    // What the options say, else the model's own generation_config.json. Who asks for a way to draw wants something drawn.
    private static GenerationOptions Generation(IChatClient client, ChatOptions? options, GenerationOptions defaults)
    {
        if (options is null) return defaults;
        if (options.RawRepresentationFactory?.Invoke(client) is GenerationOptions whole) return whole;
        var draws = options.TopP is not null || options.TopK is not null;
        return (defaults with
        {
            Temperature = options.Temperature ?? (draws && defaults.Temperature == 0 ? 1 : defaults.Temperature),
            TopP = options.TopP ?? defaults.TopP, TopK = options.TopK ?? defaults.TopK, Seed = options.Seed ?? defaults.Seed,
            MinP = Extra("min_p") ?? defaults.MinP, TypicalP = Extra("typical_p") ?? defaults.TypicalP,
            RepetitionPenalty = Extra("repetition_penalty") ?? defaults.RepetitionPenalty,
            NoRepeatNgramSize = (int?)Extra("no_repeat_ngram_size") ?? defaults.NoRepeatNgramSize,
            FrequencyPenalty = options.FrequencyPenalty ?? 0, PresencePenalty = options.PresencePenalty ?? 0,
            MaxNewTokens = options.MaxOutputTokens ?? defaults.MaxNewTokens,
            StopTexts = options.StopSequences is { Count: > 0 } stops ? [.. stops] : defaults.StopTexts,
        }).Validated();

        double? Extra(string name) => options.AdditionalProperties?.TryGetValue(name, out var value) != true ? null : value switch
        {
            JsonElement { ValueKind: JsonValueKind.Number } number => number.GetDouble(),
            IConvertible number => Convert.ToDouble(number, System.Globalization.CultureInfo.InvariantCulture),
            _ => throw new ArgumentException($"{name}: expected a number"),
        };
    }
}
