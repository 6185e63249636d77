using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.AI;

/// <summary>
/// How a model writes calls of functions, told by its chat template: Hermes' and Qwen's tags, Mistral's list, or Llama's bare object.
/// What is read does not depend on it: models slip.
/// </summary>
internal sealed record ToolFormat(string Opening, string Arguments, string Closing)
{
    private const string Tag = "<tool_call>", EndTag = "</tool_call>", ListMark = "[TOOL_CALLS]";

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    public static ToolFormat Of(string template)
        => template.Contains(Tag, StringComparison.Ordinal) ? new(Tag + "\n", "arguments", "\n" + EndTag)
            : template.Contains(ListMark, StringComparison.Ordinal) ? new("[", "arguments", "]")
            : template.Contains("\"parameters\"", StringComparison.Ordinal) ? new("", "parameters", "") : new("", "arguments", "");

    /// <summary>The schema of a call, between <see cref="Opening"/> and <see cref="Closing"/>.</summary>
    public JsonObject Schema(JsonArray tools, string? only)
    {
        var calls = Functions(tools).Where(f => only is null || f.Name == only).Select((f, i) => (JsonNode)new JsonObject
        {
            ["type"] = "object", ["required"] = new JsonArray("name", Arguments), ["additionalProperties"] = false,
            ["properties"] = new JsonObject
            {
                ["name"] = new JsonObject { ["const"] = f.Name },
                [Arguments] = Moved(f.Parameters, $"#/anyOf/{i}/properties/{Arguments}"),
            },
        });
        return new JsonObject { ["anyOf"] = new JsonArray([.. calls]) };
    }

    private static IEnumerable<(string Name, JsonNode Parameters)> Functions(JsonArray tools) => tools.Select(t => t?["function"])
        .Select(f => ($"{f?["name"]}", f?["parameters"]?.DeepClone() ?? new JsonObject { ["type"] = "object" }));

    public static HashSet<string> Names(JsonArray tools) => [.. tools.Select(t => $"{t?["function"]?["name"]}")];

    /// <summary>The calls in an answer and the text before them; none where it is text.</summary>
    public static (string Text, IReadOnlyList<ToolCall> Calls) Read(string answer, JsonArray tools)
    {
        var names = Names(tools);
        var begin = answer.IndexOf(Tag, StringComparison.Ordinal);
        if (begin < 0)
        {
            var bare = answer.Trim();
            if (bare.StartsWith(ListMark, StringComparison.Ordinal)) bare = bare[ListMark.Length..];
            return Calls(bare, names) is { Count: > 0 } calls ? ("", calls) : (answer, []);
        }
        var found = answer[begin..].Split(Tag, StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(part => Calls(part.Split(EndTag)[0], names)).ToList();
        return found.Count > 0 ? (answer[..begin].TrimEnd(), found) : (answer, []);
    }

    /// <summary>The first call in an answer, and the text before it, as soon as its JSON is whole; null: there is none yet.</summary>
    public static (string Text, IReadOnlyList<ToolCall> Calls)? ReadFirst(string answer, JsonArray tools)
    {
        var names = Names(tools);
        var tag = answer.IndexOf(Tag, StringComparison.Ordinal);
        if (tag < 0)
        {
            var begin = answer.IndexOf('{', StringComparison.Ordinal);
            var isBare = begin >= 0 && answer[..begin].Trim() is "" or "[" or ListMark or ListMark + "[" or ListMark + " [";
            return isBare && Calls(FirstObject(answer[begin..]), names) is { Count: > 0 } bare ? ("", bare) : null;
        }
        var text = answer[..tag].TrimEnd();
        for (; tag >= 0; tag = answer.IndexOf(Tag, tag + 1, StringComparison.Ordinal))
        {
            var begin = answer.IndexOf('{', tag);
            if (begin < 0 || answer[(tag + Tag.Length)..begin].Trim() is not ("" or "[")) continue;
            if (Calls(FirstObject(answer[begin..]), names) is { Count: > 0 } calls) return (text, calls);
        }
        return null;
    }

    /// <summary>How much of an unfinished answer is text for certain.</summary>
    public static int Certain(string answer)
    {
        if (answer.TrimStart() is ['{' or '[', ..] or "") return 0;
        var begin = answer.IndexOf(Tag, StringComparison.Ordinal);
        return begin >= 0 ? begin : Before(answer, Tag);
    }

    /// <summary>How much of a text stands before what may be a mark's beginning, at its end.</summary>
    public static int Before(string text, string mark)
    {
        for (var length = Math.Min(text.Length, mark.Length - 1); length > 0; length--)
            if (text.EndsWith(mark[..length], StringComparison.Ordinal)) return text.Length - length;
        return text.Length;
    }

    /// <summary>A schema whose references lead where they led, when it is no root any more but stands there.</summary>
    private static JsonNode Moved(JsonNode schema, string there)
    {
        if (schema is JsonObject holder && holder["$ref"] is JsonValue value && value.TryGetValue<string>(out var target)
            && target is ['#', .. var path]) holder["$ref"] = there + path;
        var parts = schema is JsonObject o ? o.Select(m => m.Value) : schema as JsonArray ?? Enumerable.Empty<JsonNode?>();
        foreach (var part in parts.OfType<JsonNode>()) Moved(part, there);
        return schema;
    }

    private static IReadOnlyList<ToolCall> Calls(string text, HashSet<string> names)
    {
        try
        {
            var calls = JsonNode.Parse(text, documentOptions: s_strict) switch
            {
                JsonArray list => [.. list], JsonObject one => [one], _ => Array.Empty<JsonNode?>(),
            };
            return calls.All(IsCall) ? [.. calls.Select(Call)] : [];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter at half a character
        {
            return [];
        }

        bool IsCall(JsonNode? call) => call is JsonObject && names.Contains($"{call["name"]}") && Given(call) is JsonObject;
    }

    /// <summary>A text's beginning that is a whole JSON object; nothing where there is none.</summary>
    private static string FirstObject(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var reader = new Utf8JsonReader(bytes, isFinalBlock: false, default);
        try
        {
            return reader.Read() && reader.TrySkip() ? Encoding.UTF8.GetString(bytes.AsSpan(0, (int)reader.BytesConsumed)) : "";
        }
        catch (JsonException)
        {
            return "";
        }
    }

    private static JsonNode? Given(JsonNode call) => call["arguments"] ?? call["parameters"];

    // Written and read again: what cannot be written is found here, not by who passes the call on.
    private static ToolCall Call(JsonNode? call)
        => new($"call_{Guid.NewGuid():N}", $"{call!["name"]}", JsonNode.Parse(Given(call)!.ToJsonString())!.AsObject());
}
