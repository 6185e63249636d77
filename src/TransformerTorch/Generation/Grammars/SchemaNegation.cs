using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.Generation.Grammars;

/// <summary>
/// What does not satisfy a schema, as a schema: one of its keywords is not satisfied. Only the outermost are turned round; what they hold
/// follows as a <c>not</c> of its own. Some of what there is may be left out (numbers that are not whole), never more put in.
/// </summary>
internal static class SchemaNegation
{
    /// <summary>Texts that a string must not be: of ours alone, no schema has it.</summary>
    public const string Except = "$except";

    private static readonly string[] s_types = ["object", "array", "string", "number", "boolean", "null"];

    /// <exception cref="SchemaException">It has a keyword that cannot be turned round.</exception>
    /// <param name="schema">what is not to be satisfied</param>
    /// <param name="path">where it stands</param>
    /// <param name="target">where a reference leads</param>
    public static JsonNode Of(JsonElement schema, string path, Func<JsonElement, string, (JsonElement Schema, string Path)> target)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False) return JsonValue.Create(schema.ValueKind == JsonValueKind.False);
        var options = schema.EnumerateObject().Where(m => !SchemaCompiler.IsSilent(m.Name) && m.Name is not ("then" or "else"))
            .SelectMany(m => m.Name == "$ref" ? [Not(target(schema, path).Schema)] : Of(m.Name, m.Value, schema, path)).ToArray();
        return options.Length == 0 ? JsonValue.Create(false) : new JsonObject { ["anyOf"] = new JsonArray(options) };
    }

    /// <summary><c>if</c> with its <c>then</c> and <c>else</c>, as alternatives.</summary>
    public static JsonNode Conditional(JsonElement schema) => new JsonObject
    {
        ["anyOf"] = new JsonArray(
            All(Node(schema.GetProperty("if")), Part(schema, "then")), All(Not(schema.GetProperty("if")), Part(schema, "else"))),
    };

    private static IEnumerable<JsonNode> Of(string keyword, JsonElement value, JsonElement schema, string path)
    {
        switch (keyword)
        {
            case "not": return [Node(value)];
            case "anyOf": return [All([.. value.EnumerateArray().Select(Not)])];
            case "allOf": return value.EnumerateArray().Select(Not);
            case "if":
                return [All(Node(value), Not(Part(schema, "then"))), All(Not(value), Not(Part(schema, "else")))];
            case "type":
                string[] types = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(t => $"{t}")] : [$"{value}"];
                return Kinds(s_types.Where(t => !types.Contains(t) && !(t == "number" && types.Contains("integer"))));
            case "const": return Others([value], path);
            case "enum": return Others([.. value.EnumerateArray()], path);
            case "required":
                return value.EnumerateArray().Select(name => Of("object", "properties", new JsonObject { [$"{name}"] = false }));
            case "properties":
                return value.EnumerateObject().Select(p => new JsonObject
                {
                    ["type"] = "object", ["required"] = new JsonArray(p.Name), ["properties"] = new JsonObject { [p.Name] = Not(p.Value) },
                });
            case "items" when !schema.TryGetProperty("prefixItems", out _): return [Of("array", "contains", Not(value))];
            case "contains" when !schema.TryGetProperty("minContains", out _): return [Of("array", "items", Not(value))];
            case "minimum": return [Of("number", "exclusiveMaximum", Node(value))];
            case "maximum": return [Of("number", "exclusiveMinimum", Node(value))];
            case "exclusiveMinimum": return [Of("number", "maximum", Node(value))];
            case "exclusiveMaximum": return [Of("number", "minimum", Node(value))];
            case "minLength" or "minItems" or "minProperties":
                return value.GetDecimal() == 0 ? [] : [Of(KindOf(keyword), $"max{keyword[3..]}", value.GetDecimal() - 1)];
            case "maxLength" or "maxItems" or "maxProperties":
                return [Of(KindOf(keyword), $"min{keyword[3..]}", value.GetDecimal() + 1)];
            default: throw new SchemaException($"{path}: '{keyword}' is not supported within 'not' or 'if'");
        }
    }

    /// <summary>All values but these.</summary>
    private static IEnumerable<JsonNode> Others(JsonElement[] values, string path)
    {
        if (values.Any(v => v.ValueKind is JsonValueKind.Object or JsonValueKind.Array))
            throw new SchemaException($"{path}: an object or a list as a value is not supported within 'not' or 'if'");
        var kinds = values.Select(v => v.ValueKind).ToHashSet();
        foreach (var kind in Kinds(s_types.Where(t => t is "object" or "array" || (t == "null" && !kinds.Contains(JsonValueKind.Null)))))
            yield return kind;
        bool[] told = [.. values.Where(v => v.ValueKind is JsonValueKind.True or JsonValueKind.False).Select(v => v.GetBoolean())];
        if (!told.Contains(true)) yield return new JsonObject { ["const"] = true };
        if (!told.Contains(false)) yield return new JsonObject { ["const"] = false };
        var texts = values.Where(v => v.ValueKind == JsonValueKind.String).Select(v => (JsonNode)v.GetString()!);
        yield return Of("string", Except, new JsonArray([.. texts]));
        var listed = values.Where(v => v.ValueKind == JsonValueKind.Number)
            .Select(v => v.TryGetDecimal(out var number) ? number : throw new SchemaException($"{path}: {v} is too large a number"));
        decimal?[] numbers = [null, .. listed.Distinct().Order(), null];
        for (var i = 1; i < numbers.Length; i++)
        {
            var between = new JsonObject { ["type"] = "number" };
            if (numbers[i - 1] is { } low) between["exclusiveMinimum"] = low;
            if (numbers[i] is { } high) between["exclusiveMaximum"] = high;
            yield return between;
        }
    }

    private static IEnumerable<JsonNode> Kinds(IEnumerable<string> types)
    {
        JsonNode[] all = [.. types.Select(t => (JsonNode)t)];
        return all.Length == 0 ? [] : [new JsonObject { ["type"] = new JsonArray(all) }];
    }

    private static string KindOf(string keyword) => keyword[3..] switch { "Length" => "string", "Items" => "array", _ => "object" };

    private static JsonObject Of(string type, string keyword, JsonNode value) => new() { ["type"] = type, [keyword] = value };

    private static JsonObject All(params JsonNode[] parts) => new() { ["allOf"] = new JsonArray(parts) };

    private static JsonObject Not(JsonElement schema) => Not(Node(schema));

    private static JsonObject Not(JsonNode schema) => new() { ["not"] = schema };

    private static JsonNode Part(JsonElement schema, string name) => schema.TryGetProperty(name, out var part) ? Node(part) : true;

    private static JsonNode Node(JsonElement value) => JsonSerializer.SerializeToNode(value)!;
}
