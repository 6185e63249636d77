using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.Generation.Grammars;

/// <summary>Two plain schemas as one that only what fits both satisfies.</summary>
internal static class SchemaMerge
{
    private static readonly string[] s_types = ["object", "array", "string", "number", "boolean", "null"];
    private static readonly string[] s_ofLists = ["items", "prefixItems", "contains", "uniqueItems"];

    /// <summary>Null: nothing fits both.</summary>
    /// <exception cref="SchemaException">They ask for what cannot be joined.</exception>
    public static JsonObject? Of(JsonElement left, JsonElement right)
        => left.ValueKind == JsonValueKind.False || right.ValueKind == JsonValueKind.False ? null
            : Of(Members(left), Members(right));

    /// <summary>The kinds of value that a schema allows; those of members, where they alone are told.</summary>
    public static string[] Types(JsonObject schema)
    {
        string[] types = schema["type"] switch
        {
            JsonArray list => [.. list.Select(t => $"{t}")],
            { } one => [$"{one}"],
            null => schema.ContainsKey("properties") || schema.ContainsKey("required") ? ["object"]
                : s_ofLists.Any(schema.ContainsKey) ? ["array"] : s_types,
        };
        return schema["nullable"]?.GetValueKind() == JsonValueKind.True ? [.. types.Append("null").Distinct()] : types;
    }

    // Without what says nothing about values.
    private static JsonObject Members(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object) return [];
        var members = new JsonObject(schema.EnumerateObject().Where(m => m.Name == "nullable" || !SchemaCompiler.IsSilent(m.Name)
                || StringFormat.IsOne(m))
            .Select(m => KeyValuePair.Create(m.Name, JsonSerializer.SerializeToNode(m.Value))));
        if (members.ContainsKey("contains")) members.TryAdd("minContains", 1);
        return members;
    }

    private static JsonObject? Of(JsonObject left, JsonObject right)
    {
        var both = new JsonObject();
        foreach (var (key, value) in left.Concat(right.Where(m => !left.ContainsKey(m.Key))))
            if (key is not ("const" or "enum" or "type" or "nullable" or "properties" or "additionalProperties") && value is not null)
                both[key] = left[key] is { } a && right[key] is { } b ? Joined(key, a, b) : value.DeepClone();
        var (of, with) = (Types(left), Types(right));
        string[] types = [.. of.Where(t => Fits(t, with)).Union(with.Where(t => Fits(t, of)))];
        if (types.Length == 0) return null;
        both["type"] = new JsonArray([.. types.Where(t => t != "integer" || !types.Contains("number")).Select(t => (JsonNode)t)]);
        if (!JoinMembers(left, right, both)) return null;
        if (Values(left) is { } values || (values = Values(right)) is not null)
        {
            var kept = values.Where(v => Allows(left, v) && Allows(right, v)).ToList();
            if (kept.Count == 0) return null;
            both["enum"] = new JsonArray([.. kept.Select(v => v?.DeepClone())]);
        }
        return both;

        static bool Fits(string type, string[] among) => among.Contains(type) || (type == "integer" && among.Contains("number"));
    }

    private static JsonNode Joined(string key, JsonNode a, JsonNode b) => key switch
    {
        "required" or SchemaNegation.Except
            => new JsonArray([.. a.AsArray().Concat(b.AsArray()).Select(n => $"{n}").Distinct().Select(n => (JsonNode)n)]),
        "items" => Both(a, b),
        "uniqueItems" => JsonValue.Create(a.GetValue<bool>() || b.GetValue<bool>()),
        _ when JsonNode.DeepEquals(a, b) => a.DeepClone(),
        ['m', 'i', 'n', ..] or "exclusiveMinimum" => (Number(a) >= Number(b) ? a : b).DeepClone(),
        ['m', 'a', 'x', ..] or "exclusiveMaximum" => (Number(a) <= Number(b) ? a : b).DeepClone(),
        "multipleOf" when Number(a) % Number(b) == 0 => a.DeepClone(),
        "multipleOf" when Number(b) % Number(a) == 0 => b.DeepClone(),
        _ => throw new SchemaException($"two different '{key}' of one value are not supported"),
    };

    // A member that only one lists must fit what the other says of all others.
    private static bool JoinMembers(JsonObject left, JsonObject right, JsonObject both)
    {
        var (a, b) = (left["properties"] as JsonObject ?? [], right["properties"] as JsonObject ?? []);
        var (otherA, otherB) = (left["additionalProperties"], right["additionalProperties"]);
        var properties = new JsonObject();
        foreach (var name in a.Select(p => p.Key).Union(b.Select(p => p.Key)))
            properties[name] = Both(a[name] ?? otherA, b[name] ?? otherB);
        if (properties.Count > 0) both["properties"] = properties;
        if ((otherA ?? otherB) is not null) both["additionalProperties"] = Both(otherA, otherB);
        var required = (both["required"] as JsonArray ?? []).Select(n => $"{n}");
        return !required.Any(name => (properties[name] ?? both["additionalProperties"])?.GetValueKind() == JsonValueKind.False);
    }

    private static JsonNode Both(JsonNode? a, JsonNode? b)
        => a is null || b is null ? (a ?? b)!.DeepClone()
            : a.GetValueKind() == JsonValueKind.False || b.GetValueKind() == JsonValueKind.False ? JsonValue.Create(false)
            : JsonNode.DeepEquals(a, b) ? a.DeepClone() : new JsonObject { ["allOf"] = new JsonArray(a.DeepClone(), b.DeepClone()) };

    private static IEnumerable<JsonNode?>? Values(JsonObject schema)
        => schema.ContainsKey("const") ? new[] { schema["const"] } : schema["enum"] as JsonArray;

    private static bool Allows(JsonObject schema, JsonNode? value)
        => Values(schema)?.Any(v => JsonNode.DeepEquals(v, value)) != false && Types(schema).Any(type => IsOf(type, value));

    /// <summary>Whether a value is of a kind.</summary>
    public static bool IsOf(string type, JsonNode? value) => (value?.GetValueKind() ?? JsonValueKind.Null) switch
    {
        JsonValueKind.Object => type == "object",
        JsonValueKind.Array => type == "array",
        JsonValueKind.String => type == "string",
        JsonValueKind.Number => type == "number" || (type == "integer" && Number(value!) % 1 == 0),
        JsonValueKind.True or JsonValueKind.False => type == "boolean",
        _ => type == "null",
    };

    private static decimal Number(JsonNode value)
        => value.GetValueKind() == JsonValueKind.Number && decimal.TryParse(value.ToJsonString(), System.Globalization.NumberStyles.Float,
            System.Globalization.CultureInfo.InvariantCulture, out var number) ? number
            : throw new SchemaException($"'{value.ToJsonString()}', expected a number that can be counted with");
}
