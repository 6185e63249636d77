using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.Generation.Grammars;

/// <summary>
/// JSON schemas (2020-12) as rules of JSON text. Members come in the schema's order and no others where some are listed; what a schema only
/// says about its meaning is passed over; what it asks for and cannot be had is refused by name.
/// </summary>
internal sealed class SchemaCompiler
{
    /// <summary>Objects and lists within each other; parsers allow 64.</summary>
    private const int MostDepth = 24;
    private const int MostSchemas = 2000;

    private static readonly JsonSerializerOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly HashSet<string> s_followed =
    [
        "type", "enum", "const", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength",
        "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "anyOf", "oneOf", "allOf", "$ref",
        "minProperties", "maxProperties", "pattern", "prefixItems",
    ];
    private static readonly HashSet<string> s_silent =
    [
        "title", "description", "default", "examples", "example", "format", "$schema", "$id", "$comment", "deprecated", "readOnly",
        "writeOnly", "nullable", "strict", "name", "$defs", "definitions",
    ];
    private static readonly JsonElement s_anything = JsonDocument.Parse("{}").RootElement;
    private static readonly string[] s_types = ["object", "array", "string", "number", "boolean", "null"];

    private readonly JsonElement _root;
    private readonly Dictionary<(string Path, int Depth), Rule> _rules = [];
    private readonly HashSet<string> _checked = [];
    private readonly SchemaForms _forms;

    // Rules remember what they have come to: one grammar's are for one thread, and no two share any.
    private readonly Rule _space = new Choice(
        new Series(), new Literal(" "), new Series(new Literal("\n"), new Repeat(new Literal(" "), new Series(), 0, 16)));

    private SchemaCompiler(JsonElement root) => (_root, _forms) = (root, new SchemaForms(Target));

    /// <summary>The texts that satisfy a schema.</summary>
    /// <exception cref="SchemaException">It cannot be followed.</exception>
    public static Rule Compile(JsonElement schema)
    {
        var compiler = new SchemaCompiler(schema);
        compiler.Check(schema, "#");
        return compiler.Value(schema, "#", depth: 0);
    }

    /// <summary>Whether a keyword says nothing about values by itself.</summary>
    internal static bool IsSilent(string keyword) => s_silent.Contains(keyword);

    private void Check(JsonElement schema, string path)
    {
        if (!_checked.Add(path)) return;
        if (_checked.Count > MostSchemas) throw new SchemaException($"more than {MostSchemas} schemas within this one");
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False) return;
        if (schema.ValueKind is not JsonValueKind.Object) throw new SchemaException($"{path}: expected an object");
        foreach (var member in schema.EnumerateObject())
            if (!s_followed.Contains(member.Name) && !IsSilent(member.Name))
                throw new SchemaException($"{path}: '{member.Name}' is not supported");
        if (schema.TryGetProperty("type", out var types))
            foreach (var type in Types(types, path).Except(s_types).Except(["integer"]))
                throw new SchemaException($"{path}: unknown type '{type}'");
        foreach (var key in new[] { "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties" })
            Whole(schema, key, 0, path);
        Numeric(schema, whole: false, path);
        if (schema.TryGetProperty("$ref", out _))
        {
            var (there, at) = Target(schema, path);
            Check(there, at);
        }
        foreach (var (child, where) in Children(schema, path)) Check(child, where);
    }

    private static IEnumerable<(JsonElement Schema, string Path)> Children(JsonElement schema, string path)
    {
        if (schema.TryGetProperty("properties", out var properties))
            foreach (var p in Members(properties, $"{path}/properties")) yield return (p.Value, $"{path}/properties/{p.Name}");
        foreach (var key in new[] { "items", "additionalProperties" })
            if (schema.TryGetProperty(key, out var one)) yield return (one, $"{path}/{key}");
        foreach (var key in new[] { "anyOf", "oneOf", "allOf", "prefixItems" })
        {
            if (!schema.TryGetProperty(key, out var several)) continue;
            if (several.ValueKind != JsonValueKind.Array || several.GetArrayLength() == 0)
                throw new SchemaException($"{path}/{key}: expected schemas in a list");
            for (var i = 0; i < several.GetArrayLength(); i++) yield return (several[i], $"{path}/{key}/{i}");
        }
    }

    /// <summary>The rule of a schema, made when it is needed.</summary>
    private Rule Value(JsonElement schema, string path, int depth)
    {
        if (depth > MostDepth) return new Choice();
        if (_rules.TryGetValue((path, depth), out var known)) return known;
        return _rules[(path, depth)] = new Deferred(() => Make(schema, path, depth));
    }

    private Rule Make(JsonElement schema, string path, int depth)
        => _forms.Of(schema, path) is [var only] && only.Path == path ? Plain(schema, path, depth)
            : new Choice([.. _forms.Of(schema, path).Select(form => Value(form.Schema, form.Path, depth))]);

    private Rule Plain(JsonElement schema, string path, int depth)
    {
        if (schema.ValueKind == JsonValueKind.True) return Any(depth);
        var types = SchemaMerge.Types(JsonObject.Create(schema)!);
        if (!schema.TryGetProperty("enum", out var values) && !schema.TryGetProperty("const", out values))
            return new Choice([.. types.Select(t => Typed(t, schema, path, depth))]);
        foreach (var member in schema.EnumerateObject())
            if (!IsSilent(member.Name) && member.Name is not ("enum" or "const" or "type"))
                throw new SchemaException($"{path}: '{member.Name}' is not supported beside listed values");
        var listed = schema.TryGetProperty("const", out var constant) ? [constant] : Items(values, $"{path}/enum").ToArray();
        return new Choice([.. listed.Where(v => types.Any(t => SchemaMerge.IsOf(t, JsonSerializer.SerializeToNode(v)))).Select(Json)]);
    }

    private Rule Typed(string type, JsonElement schema, string path, int depth) => type switch
    {
        "object" => Object(schema, path, depth),
        "array" => Array(schema, path, depth),
        "string" => String(schema, path),
        "integer" or "number" => Numeric(schema, type == "integer", path),
        "boolean" => new Choice(new Literal("true"), new Literal("false")),
        "null" => new Literal("null"),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private static Series String(JsonElement schema, string path)
    {
        if (!schema.TryGetProperty("pattern", out var pattern))
        {
            var (least, most) = (Whole(schema, "minLength", 0, path), Whole(schema, "maxLength", int.MaxValue, path));
            return new(new Literal("\""), new StringBody(least, most));
        }
        if (schema.TryGetProperty("minLength", out _) || schema.TryGetProperty("maxLength", out _))
            throw new SchemaException($"{path}: 'minLength' and 'maxLength' are not supported beside 'pattern', which can count");
        return new(new Literal("\""), StringPattern.Compile(Text(pattern), path), new Literal("\""));
    }

    private Series Array(JsonElement schema, string path, int depth)
    {
        var comma = new Series(new Literal(","), _space);
        var (least, most) = (Whole(schema, "minItems", 0, path), Whole(schema, "maxItems", int.MaxValue, path));
        var item = schema.TryGetProperty("items", out var items) ? Value(items, $"{path}/items", depth + 1) : Any(depth + 1);
        if (!schema.TryGetProperty("prefixItems", out var first)) return Bracketed("[", "]", new Repeat(item, comma, least, most));
        var count = first.GetArrayLength();
        Rule rest = most <= count ? new Series()
            : new Repeat(new Series(comma, item), new Series(), Math.Max(0, least - count), most == int.MaxValue ? most : most - count);
        for (var i = Math.Min(count, most) - 1; i >= 0; i--)
        {
            var value = Value(first[i], $"{path}/prefixItems/{i}", depth + 1);
            var more = i == 0 ? new Series(value, rest) : new Series(comma, value, rest);
            rest = i < least ? more : new Choice(more, new Series());
        }
        return Bracketed("[", "]", rest);
    }

    private Rule Object(JsonElement schema, string path, int depth)
    {
        if (depth >= MostDepth) return new Choice();
        var listed = schema.TryGetProperty("properties", out var properties) ? Members(properties, path).ToList() : [];
        var required = schema.TryGetProperty("required", out var names) ? Items(names, $"{path}/required").Select(Text).ToHashSet() : [];
        var extra = schema.TryGetProperty("additionalProperties", out var more)
            ? more.ValueKind == JsonValueKind.False ? null : Value(more, $"{path}/additionalProperties", depth + 1) : Any(depth + 1);
        var (least, most) = (Whole(schema, "minProperties", 0, path), Whole(schema, "maxProperties", int.MaxValue, path));
        List<string> missing = [.. required.Where(r => !listed.Exists(p => p.Name == r))];
        if (listed.Count == 0 && missing.Count == 0)
        {
            if (extra is null) return Bracketed("{", "}", new Series());
            var pair = new Series(new Literal("\""), new StringBody(0, 64), new Literal(":"), _space, extra);
            return Bracketed("{", "}", new Repeat(pair, new Series(new Literal(","), _space), least, most));
        }
        if (least > required.Count || most < listed.Count + missing.Count)
            throw new SchemaException($"{path}: 'minProperties' and 'maxProperties' are not supported beside 'properties'");
        if (missing.Count > 0 && extra is null) throw new SchemaException($"{path}: '{missing[0]}' is required and not allowed");
        (string Name, Rule Value, bool Required)[] members =
        [
            .. listed.Select(p => (p.Name, Value(p.Value, $"{path}/properties/{p.Name}", depth + 1), required.Contains(p.Name))),
            .. missing.Select(name => (name, extra!, true)),
        ];
        var (first, later) = (new Rule[members.Length + 1], new Rule[members.Length + 1]);
        (first[^1], later[^1]) = (new Series(), new Series());
        for (var i = members.Length - 1; i >= 0; i--)
        {
            var (name, value, needed) = members[i];
            var member = new Series(new Literal(JsonSerializer.Serialize(name, s_plain) + ":"), _space, value, later[i + 1]);
            var next = new Series(new Literal(","), _space, member);
            first[i] = needed ? member : new Choice(member, first[i + 1]);
            later[i] = needed ? next : new Choice(next, later[i + 1]);
        }
        return Bracketed("{", "}", first[0]);
    }

    private Rule Any(int depth)
        => depth > MostDepth ? new Choice() : _rules.TryGetValue(("", depth), out var known) ? known
            : _rules[("", depth)] = new Deferred(() => new Choice([.. s_types.Select(t => Typed(t, s_anything, "#", depth))]));

    private Series Bracketed(string open, string close, Rule inside)
        => new Series(new Literal(open), _space, inside, _space, new Literal(close));

    private static Literal Json(JsonElement value) => new(JsonSerializer.Serialize(value, s_plain));

    private static Number Numeric(JsonElement schema, bool whole, string path)
    {
        var (low, high) = (Real("minimum"), Real("maximum"));
        var step = whole ? 1 : 1e-9m;
        if (Real("exclusiveMinimum") is { } above) low = Math.Max(low ?? above + step, (whole ? Math.Floor(above) : above) + step);
        if (Real("exclusiveMaximum") is { } below) high = Math.Min(high ?? below - step, (whole ? Math.Ceiling(below) : below) - step);
        var multiple = Real("multipleOf");
        if (multiple <= 0) throw new SchemaException($"{path}/multipleOf: expected over 0");
        return new Number(whole, low, high, multiple);

        decimal? Real(string key)
        {
            if (!schema.TryGetProperty(key, out var value)) return null;
            if (value.ValueKind != JsonValueKind.Number) throw new SchemaException($"{path}/{key}: expected a number");
            if (!value.TryGetDecimal(out var number)) number = value.GetDouble() > 0 ? 1e20m : -1e20m;
            return Math.Clamp(number, -1e20m, 1e20m);
        }
    }

    private (JsonElement Schema, string Path) Target(JsonElement schema, string path)
    {
        var target = Text(schema.GetProperty("$ref"));
        if (target is not ['#', ..]) throw new SchemaException($"{path}: '$ref' to '{target}', only '#/...' is supported");
        var at = _root;
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

    private static string[] Types(JsonElement type, string path)
        => type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(Text)]
            : type.ValueKind == JsonValueKind.String ? [Text(type)] : throw new SchemaException($"{path}/type: expected a name");

    private static string Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw new SchemaException($"expected a text where {value.ToString()} is");

    private static int Whole(JsonElement schema, string key, int usual, string path)
    {
        if (!schema.TryGetProperty(key, out var value)) return usual;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDecimal(out var number) || number < 0 || number % 1 != 0)
            throw new SchemaException($"{path}/{key}: expected a whole number, 0 or more");
        return (int)Math.Min(number, int.MaxValue - 1);
    }

    private static JsonElement.ArrayEnumerator Items(JsonElement list, string path)
        => list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : throw new SchemaException($"{path}: expected a list");

    private static JsonElement.ObjectEnumerator Members(JsonElement map, string path)
        => map.ValueKind == JsonValueKind.Object ? map.EnumerateObject() : throw new SchemaException($"{path}: expected an object");
}
