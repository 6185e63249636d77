using System.Runtime.CompilerServices;
using System.Text.Json;

namespace TransformerTorch.Generation.Grammars;

/// <summary>Members of a schema by kind; what is of another is refused with its place.</summary>
internal static class SchemaReader
{
    /// <summary>Ends what would nest further than the stack goes: an overflow would end the process.</summary>
    /// <exception cref="SchemaException">The stack is nearly full.</exception>
    public static void RequireStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw new SchemaException("nested too deep");
    }

    /// <summary>One name or several.</summary>
    public static string[] Types(JsonElement type, string path)
        => type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(TextOf)]
            : type.ValueKind == JsonValueKind.String ? [TextOf(type)] : throw new SchemaException($"{path}/type: expected a name");

    public static string TextOf(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw new SchemaException($"expected a text where {value.ToString()} is");

    public static int Whole(JsonElement schema, string key, int usual, string path)
    {
        if (!schema.TryGetProperty(key, out var value)) return usual;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDecimal(out var number) || number < 0 || number % 1 != 0)
            throw new SchemaException($"{path}/{key}: expected a whole number, 0 or more");
        return (int)Math.Min(number, int.MaxValue - 1);
    }

    public static JsonElement.ArrayEnumerator Items(JsonElement list, string path)
        => list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : throw new SchemaException($"{path}: expected a list");

    public static JsonElement.ObjectEnumerator Members(JsonElement map, string path)
        => map.ValueKind == JsonValueKind.Object ? map.EnumerateObject() : throw new SchemaException($"{path}: expected an object");

    /// <summary>The schemas within one, and where they stand.</summary>
    public static IEnumerable<(JsonElement Schema, string Path)> Children(JsonElement schema, string path)
    {
        if (schema.TryGetProperty("properties", out var properties))
            foreach (var p in Members(properties, $"{path}/properties")) yield return (p.Value, $"{path}/properties/{p.Name}");
        foreach (var key in new[] { "items", "additionalProperties", "contains", "not", "if", "then", "else" })
            if (schema.TryGetProperty(key, out var one)) yield return (one, $"{path}/{key}");
        foreach (var key in new[] { "anyOf", "oneOf", "allOf", "prefixItems" })
        {
            if (!schema.TryGetProperty(key, out var several)) continue;
            if (several.ValueKind != JsonValueKind.Array || several.GetArrayLength() == 0)
                throw new SchemaException($"{path}/{key}: expected schemas in a list");
            for (var i = 0; i < several.GetArrayLength(); i++) yield return (several[i], $"{path}/{key}/{i}");
        }
    }

    /// <summary>Where a schema's reference leads.</summary>
    public static (JsonElement Schema, string Path) Target(JsonElement root, JsonElement schema, string path)
    {
        var target = TextOf(schema.GetProperty("$ref"));
        if (target is not ['#', ..]) throw new SchemaException($"{path}: '$ref' to '{target}', only '#/...' is supported");
        var at = root;
        foreach (var part in target[1..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var name = Uri.UnescapeDataString(part)
                .Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (at.ValueKind == JsonValueKind.Array && int.TryParse(name, out var i) && i < at.GetArrayLength() && i >= 0) at = at[i];
            else if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at))
                throw new SchemaException($"{path}: '$ref' to '{target}', which is not there");
        }
        return (at, target);
    }
}
