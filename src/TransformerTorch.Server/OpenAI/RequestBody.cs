using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;

namespace TransformerTorch.Server.OpenAI;

/// <summary>A request's JSON, whose members are asked for by name and kind. Null counts as absent.</summary>
internal sealed class RequestBody
{
    private static readonly JsonDocumentOptions s_strict = new() { MaxDepth = 64, AllowDuplicateProperties = false };
    private readonly JsonElement _root;

    private RequestBody(JsonElement root) => _root = root;

    /// <exception cref="ApiException">It is no JSON object.</exception>
    public static async Task<RequestBody> ReadAsync(HttpContext context)
    {
        // Browsers send other types without asking; this one needs a page's permission first.
        if (!context.Request.HasJsonContentType()) throw new ApiException(415, "expected the content type application/json");
        using var memory = new MemoryStream();
        await context.Request.Body.CopyToAsync(memory, context.RequestAborted).ConfigureAwait(false);
        var bytes = memory.GetBuffer().AsMemory(0, (int)memory.Length);
        if (!Utf8.IsValid(bytes.Span)) throw new ApiException(400, "the body is not UTF-8");
        try
        {
            var root = Parse(bytes);
            return root.ValueKind == JsonValueKind.Object ? new RequestBody(root)
                : throw new ApiException(400, "the body is not a JSON object");
        }
        catch (JsonException e)
        {
            throw new ApiException(400, $"the body is not JSON: {e.Message}");
        }
        catch (InvalidOperationException)
        {
            throw new ApiException(400, "a text in the body holds half a character (a surrogate without its other half)");
        }
    }

    /// <summary>JSON that names nothing twice and whose texts are whole characters.</summary>
    /// <exception cref="JsonException">It is not JSON, or names something twice.</exception>
    /// <exception cref="InvalidOperationException">A text holds half a character.</exception>
    public static JsonElement Parse(ReadOnlyMemory<byte> utf8)
    {
        using var document = JsonDocument.Parse(utf8, s_strict);
        RequireCharacters(document.RootElement);
        return document.RootElement.Clone();
    }

    // "\ud800" is JSON, but no text: whoever read it later would fail.
    private static void RequireCharacters(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) value.GetString();
        if (value.ValueKind == JsonValueKind.Array)
            foreach (var item in value.EnumerateArray()) RequireCharacters(item);
        if (value.ValueKind != JsonValueKind.Object) return;
        foreach (var property in value.EnumerateObject())
        {
            _ = property.Name;
            RequireCharacters(property.Value);
        }
    }

    public JsonElement? Element(string name)
        => _root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public JsonNode? Node(string name) => Element(name) is { } value ? JsonSerializer.SerializeToNode(value) : null;

    public string? Text(string name) => Element(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        _ => throw Wrong(name, "a text"),
    };

    public bool Flag(string name) => Element(name) switch
    {
        null or { ValueKind: JsonValueKind.False } => false,
        { ValueKind: JsonValueKind.True } => true,
        _ => throw Wrong(name, "true or false"),
    };

    public double? Number(string name, double least, double most) => Element(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetDouble(out var number) && number >= least && number <= most => number,
        _ => throw Wrong(name, $"a number from {least} to {most}"),
    };

    public int? Whole(string name, int least, int most = int.MaxValue) => Element(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out var number) && number >= least && number <= most => number,
        _ => throw Wrong(name, most == int.MaxValue ? $"a whole number from {least} on" : $"a whole number from {least} to {most}"),
    };

    public long? Long(string name) => Element(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt64(out var number) => number,
        _ => throw Wrong(name, "a whole number"),
    };

    /// <summary>A text or several.</summary>
    public IReadOnlyList<string> Texts(string name) => Element(name) switch
    {
        null => [],
        { ValueKind: JsonValueKind.String } value => [value.GetString()!],
        { ValueKind: JsonValueKind.Array } list when list.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String)
            => [.. list.EnumerateArray().Select(v => v.GetString()!)],
        _ => throw Wrong(name, "a text or a list of texts"),
    };

    /// <summary>A list of a tokenizer's ids.</summary>
    public static int[] Ids(string name, JsonElement list) => [.. list.EnumerateArray().Select(id =>
        id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var value) ? value : throw Wrong(name, "ids"))];

    public static ApiException Wrong(string name, string expected)
        => new(400, $"'{name}' is wrong: expected {expected}", name, "invalid_value");
}
