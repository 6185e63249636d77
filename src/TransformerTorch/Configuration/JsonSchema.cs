using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace TransformerTorch.Configuration;

/// <summary>A JSON Schema (draft 2020-12) of a configuration: editors complete and check YAML with it.</summary>
public static class JsonSchema
{
    /// <summary>The schema of files that <see cref="Yaml.Load{T}"/> reads as <paramref name="root"/>.</summary>
    public static JsonObject Of(Type root)
    {
        var schema = Section(root, Default(root), [], partial: false);
        // What a file leaves out, the one it extends may give.
        ((JsonObject)schema["properties"]!)["extends"] = new JsonObject
        {
            ["description"] = "Another YAML file, relative to this one, or a list of them: its values hold where this file says nothing.",
            ["type"] = new JsonArray("string", "array"),
            ["items"] = new JsonObject { ["type"] = "string" },
        };
        var head = new JsonObject { ["$schema"] = "https://json-schema.org/draft/2020-12/schema" };
        if (Documentation.Of(root) is { } description) head["description"] = description;
        foreach (var (key, value) in schema.ToArray())
        {
            schema.Remove(key);
            head[key] = value;
        }
        if (head.Remove("required", out var required))
            head["anyOf"] = new JsonArray(
                new JsonObject { ["required"] = required }, new JsonObject { ["required"] = new JsonArray("extends") });
        return head;
    }

    // within: the kinds of section that this one stands in; one that holds its own kind refers to it by its anchor.
    private static JsonObject Of(Type type, object? value, ImmutableHashSet<Type> within)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner) return Of(inner, value, within);
        if (type == typeof(bool)) return new JsonObject { ["type"] = "boolean" };
        if (Shape.IsWhole(type)) return new JsonObject { ["type"] = "integer" };
        if (Shape.IsReal(type)) return new JsonObject { ["type"] = "number" };
        if (type.IsEnum) return new JsonObject { ["enum"] = Names(Shape.EnumNames(type).Keys) };
        if (Shape.ListItem(type) is { } item) return new JsonObject { ["type"] = "array", ["items"] = Of(item, null, within) };
        if (Shape.DictionaryValue(type) is { } values)
            return new JsonObject { ["type"] = "object", ["additionalProperties"] = Of(values, null, within) };
        if (type == typeof(JsonNode)) return [];
        if (Shape.IsOpen(type)) return new JsonObject { ["type"] = type == typeof(JsonArray) ? "array" : "object" };
        if (!Shape.IsSection(type)) return new JsonObject { ["type"] = "string" };
        if (Shape.Variants(type) is not var (_, cases) || !type.IsAbstract)
            return Section(type, value ?? Default(type), within, partial: true);
        if (within.Contains(type)) return new JsonObject { ["$ref"] = $"#{type.Name}" };
        var sections = cases.Values.Select(actual =>
            Section(actual, actual == value?.GetType() ? value : Default(actual), within.Add(type), partial: true));
        return new JsonObject { ["$anchor"] = type.Name, ["oneOf"] = new JsonArray([.. sections]) };
    }

    // A section may be partial, since another file can hold the rest of it; the reader still insists on required keys.
    private static JsonObject Section(Type type, object? record, ImmutableHashSet<Type> within, bool partial)
    {
        var keys = Shape.Keys(type);
        var properties = new JsonObject();
        var required = new List<string>();
        if (Shape.Variants(type) is var (discriminator, _) && Shape.CaseName(type) is { } name)
        {
            properties[discriminator] = new JsonObject { ["const"] = name };
            required.Add(discriminator);
        }
        foreach (var key in keys) properties[key.Name] = Property(key, record is null ? null : key.Property.GetValue(record), within);
        if (!partial) required.AddRange(keys.Where(key => key.Required).Select(key => key.Name));
        var schema = new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };
        if (required.Count > 0) schema["required"] = Names(required);
        return schema;
    }

    private static JsonObject Property(Key key, object? value, ImmutableHashSet<Type> within)
    {
        var schema = Of(key.Type, value, within);
        if (key.Range is { } range)
        {
            var target = schema["items"] as JsonObject ?? schema;
            var (min, max) = (Convert.ToDouble(range.Minimum), Convert.ToDouble(range.Maximum));
            if (min > int.MinValue) target[range.MinimumIsExclusive ? "exclusiveMinimum" : "minimum"] = min;
            if (max < int.MaxValue) target[range.MaximumIsExclusive ? "exclusiveMaximum" : "maximum"] = max;
        }
        if (key.Nullable) schema = new JsonObject { ["anyOf"] = new JsonArray(schema, new JsonObject { ["type"] = "null" }) };
        if (key.Description is { } description) schema["description"] = description;
        if (!key.Required && !Shape.IsSection(key.Type) && Json(value) is { } json) schema["default"] = json;
        return schema;
    }

    private static JsonNode? Json(object? value) => value switch
    {
        null => null,
        JsonNode json => json.DeepClone(),
        string text => JsonValue.Create(text),
        bool truth => JsonValue.Create(truth),
        double or float => double.IsFinite(Convert.ToDouble(value)) ? JsonNode.Parse(Scalars.Write(value)) : null,
        System.Collections.IDictionary => null,
        System.Collections.IEnumerable items => new JsonArray([.. items.Cast<object?>().Select(Json)]),
        var other when Shape.IsWhole(other.GetType()) => JsonNode.Parse(Scalars.Write(other)),
        var other => JsonValue.Create(Scalars.Write(other)),
    };

    private static JsonArray Names(IEnumerable<string> names) => [.. names.Select(name => (JsonNode)name)];

    internal static object? Default(Type type) => type.IsAbstract ? null : Activator.CreateInstance(type, nonPublic: true);
}
