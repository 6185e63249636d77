using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.AI;

namespace TransformerTorch.Server.OpenAI;

/// <summary>OpenAI's messages as chat templates want them: contents as texts, arguments of calls as objects.</summary>
internal static class ChatTurns
{
    private const int MostTurns = 4096;
    private static readonly string[] s_roles = ["system", "developer", "user", "assistant", "tool", "function"];

    public static JsonArray Read(JsonElement? messages)
    {
        if (messages is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() is 0 or > MostTurns)
            throw RequestBody.Wrong("messages", $"a list of 1 to {MostTurns} messages");
        return new JsonArray([.. list.EnumerateArray().Select((m, i) => (JsonNode)Turn(m, $"messages[{i}]"))]);
    }

    private static JsonObject Turn(JsonElement message, string name)
    {
        if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("role", out var role)
            || !s_roles.Contains(role.ToString()))
            throw RequestBody.Wrong(name, $"an object whose role is one of {string.Join(", ", s_roles)}");
        var turn = (JsonObject)JsonSerializer.SerializeToNode(message)!;
        if (role.ToString() == "developer") turn["role"] = "system";
        turn["content"] = message.TryGetProperty("content", out var content) ? Text(content, name) : "";
        if (turn["tool_calls"] is JsonArray calls)
            foreach (var call in calls) ReadArguments(call, name);
        return turn;
    }

    private static string Text(JsonElement content, string name) => content.ValueKind switch
    {
        JsonValueKind.Null => "",
        JsonValueKind.String => content.GetString()!,
        JsonValueKind.Array => string.Concat(content.EnumerateArray().Select(part => Part(part, name))),
        _ => throw RequestBody.Wrong($"{name}.content", "a text or a list of parts"),
    };

    private static string Part(JsonElement part, string name)
        => part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out var type) && type.ToString() is "text" or "refusal"
            && part.TryGetProperty(type.ToString(), out var text) && text.ValueKind == JsonValueKind.String ? text.GetString()!
            : throw RequestBody.Wrong($"{name}.content", "parts of the type text: this model reads nothing else");

    private static void ReadArguments(JsonNode? call, string name)
    {
        if (call is not JsonObject || call["function"] is not JsonObject function)
            throw RequestBody.Wrong($"{name}.tool_calls", "objects with a function each");
        if (function["arguments"] is not JsonValue value || !value.TryGetValue<string>(out var text)) return;
        try
        {
            var arguments = RequestBody.Parse(Encoding.UTF8.GetBytes(text.Length == 0 ? "{}" : text));
            function["arguments"] = JsonSerializer.SerializeToNode(arguments);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw RequestBody.Wrong($"{name}.tool_calls", "arguments that are JSON");
        }
    }
}

/// <summary>Functions on offer, and whether one must be called.</summary>
internal static class ToolChoice
{
    public static JsonArray? Tools(JsonElement? tools)
    {
        if (tools is not { } given) return null;
        var valid = given.ValueKind == JsonValueKind.Array && given.GetArrayLength() <= 128 && given.EnumerateArray().All(IsFunction);
        return valid ? (JsonArray)JsonSerializer.SerializeToNode(given)!
            : throw RequestBody.Wrong("tools", "at most 128 objects of the type function, with a function that has a name");

        static bool IsFunction(JsonElement tool) => tool.ValueKind == JsonValueKind.Object
            && tool.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object
            && function.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String;
    }

    public static (ToolUse Use, string? Tool) Read(JsonElement? choice) => choice switch
    {
        null => (ToolUse.Auto, null),
        { ValueKind: JsonValueKind.String } word when word.ToString() is "auto" or "none" or "required"
            => (word.ToString() switch { "none" => ToolUse.None, "required" => ToolUse.Required, _ => ToolUse.Auto }, null),
        { ValueKind: JsonValueKind.Object } named when named.TryGetProperty("function", out var function)
            && function.ValueKind == JsonValueKind.Object && function.TryGetProperty("name", out var name)
            => (ToolUse.Required, name.ToString()),
        _ => throw RequestBody.Wrong("tool_choice", "auto, none, required, or a function's name"),
    };
}
