using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TransformerTorch.Generation.Grammars.SchemaReader;

namespace TransformerTorch.Generation.Grammars;

/// <summary>
/// JSON schemas (2020-12) as rules of JSON text. Members come in the schema's order and no others where some are listed; what a schema only
/// says about its meaning is passed over, and so are formats beyond <see cref="StringFormat"/>; what it asks for and cannot be had is
/// refused by name.
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
        "minProperties", "maxProperties", "pattern", "prefixItems", "not", "if", "then", "else", "contains", "minContains",
        "uniqueItems",
    ];
    private static readonly HashSet<string> s_silent =
    [
        "title", "description", "default", "examples", "example", "format", "$schema", "$id", "$comment", "deprecated", "readOnly",
        "writeOnly", "nullable", "strict", "name", "$defs", "definitions",
    ];
    private static readonly JsonElement s_small = JsonDocument.Parse("[true,false,null]").RootElement;
    private static readonly JsonElement s_anything = JsonDocument.Parse("{}").RootElement;
    private static readonly string[] s_counts =
        ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", "minContains"];
    private static readonly string[] s_types = ["object", "array", "string", "number", "boolean", "null"];

    private readonly JsonElement _root;
    private readonly Dictionary<(string Path, int Depth), Rule> _rules = [];
    private readonly HashSet<string> _checked = [];
    private readonly SchemaForms _forms;

    // Rules remember what they have come to: one grammar's are for one thread, and no two share any.
    private readonly Rule _space = new Choice(
        new Series(), new Literal(" "), new Series(new Literal("\n"), new Repeat(new Literal(" "), new Series(), 0, 16)));

    private SchemaCompiler(JsonElement root) => (_root, _forms) = (root, new SchemaForms((schema, path) => Target(root, schema, path)));

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
        RequireStack();
        if (_checked.Count > MostSchemas) throw new SchemaException($"more than {MostSchemas} schemas within this one");
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False) return;
        if (schema.ValueKind is not JsonValueKind.Object) throw new SchemaException($"{path}: expected an object");
        foreach (var member in schema.EnumerateObject())
            if (!s_followed.Contains(member.Name) && !IsSilent(member.Name))
                throw new SchemaException($"{path}: '{member.Name}' is not supported" + Instead(member.Name));
        if (schema.TryGetProperty("type", out var types))
            foreach (var type in Types(types, path).Except(s_types).Except(["integer"]))
                throw new SchemaException($"{path}: unknown type '{type}'");
        foreach (var key in s_counts) Whole(schema, key, 0, path);
        foreach (var key in new[] { "enum", "required" })
            if (schema.TryGetProperty(key, out var list)) Items(list, $"{path}/{key}");
        if (schema.TryGetProperty("uniqueItems", out var unique) && unique.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            throw new SchemaException($"{path}/uniqueItems: expected true or false");
        Numeric(schema, whole: false, path);
        if (schema.TryGetProperty("$ref", out _))
        {
            var (there, at) = Target(_root, schema, path);
            Check(there, at);
        }
        foreach (var (child, where) in Children(schema, path)) Check(child, where);
    }

    private static string Instead(string keyword) => keyword switch
    {
        "maxContains" => ": say with 'items' what all of them are",
        "patternProperties" or "propertyNames" => ": list the names in 'properties'",
        "dependentRequired" or "dependentSchemas" => ": say it with 'if' and 'then'",
        "unevaluatedProperties" => ": use 'additionalProperties'",
        "unevaluatedItems" or "additionalItems" => ": use 'items' beside 'prefixItems'",
        _ => "",
    };

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
        var listed = schema.TryGetProperty("const", out var constant) ? [constant] : Items(values, $"{path}/enum").ToArray();
        listed = [.. listed.Where(v => types.Any(t => SchemaMerge.IsOf(t, JsonSerializer.SerializeToNode(v))))];
        return new Choice([.. Fitting(listed, schema, path, depth).Select(Json)]);
    }

    /// <summary>Of listed values, those that satisfy what stands beside them.</summary>
    private IEnumerable<JsonElement> Fitting(JsonElement[] listed, JsonElement schema, string path, int depth)
    {
        var beside = new JsonObject(schema.EnumerateObject().Where(m => !IsSilent(m.Name) && m.Name is not ("enum" or "const"))
            .Select(m => KeyValuePair.Create(m.Name, JsonSerializer.SerializeToNode(m.Value))));
        if (beside.FirstOrDefault(m => m.Key != "type").Key is not { } name) return listed;
        if (listed.Any(v => v.ValueKind is JsonValueKind.Object or JsonValueKind.Array))
            throw new SchemaException($"{path}: '{name}' is not supported beside a listed object or list");
        var rule = Plain(JsonSerializer.SerializeToElement(beside), path, depth);
        if (rule.Least >= Rule.Never) return [];
        var grammar = new Grammar(rule);
        return listed.Where(v => grammar.Accepts(Utf8(v)));
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
            var body = new StringBody(least, most);
            if (schema.TryGetProperty(SchemaNegation.Except, out var others))
                return new(new Literal("\""), new OtherString(body, others.EnumerateArray().Select(TextOf)));
            return (least, most) == (0, int.MaxValue) && StringFormat.Of(schema, path) is { } format
                ? new(new Literal("\""), format, new Literal("\"")) : new(new Literal("\""), body);
        }
        if (schema.TryGetProperty(SchemaNegation.Except, out _))
            throw new SchemaException($"{path}: 'pattern' is not supported beside 'not'");
        if (schema.TryGetProperty("minLength", out _) || schema.TryGetProperty("maxLength", out _))
            throw new SchemaException($"{path}: 'minLength' and 'maxLength' are not supported beside 'pattern', which can count");
        return new(new Literal("\""), StringPattern.Compile(TextOf(pattern), path), new Literal("\""));
    }

    private Series Array(JsonElement schema, string path, int depth)
    {
        var comma = new Series(new Literal(","), _space);
        var (least, most) = (Whole(schema, "minItems", 0, path), Whole(schema, "maxItems", int.MaxValue, path));
        var item = schema.TryGetProperty("items", out var items) ? Value(items, $"{path}/items", depth + 1) : Any(depth + 1);
        var contains = schema.TryGetProperty("contains", out var contained) ? Whole(schema, "minContains", 1, path) : 0;
        var unique = most > 1 && schema.TryGetProperty("uniqueItems", out var flag) && flag.GetBoolean();
        if ((unique || contains > 0) && schema.TryGetProperty("prefixItems", out _))
            throw new SchemaException($"{path}: '{(unique ? "uniqueItems" : "contains")}' is not supported beside 'prefixItems'");
        if (unique && contains > 0) throw new SchemaException($"{path}: 'uniqueItems' is not supported beside 'contains'");
        if (unique) return Bracketed("[", "]", new Distinct([.. Listed(items, $"{path}/items").Select(Json)], comma, least, most));
        if (contains > 0)
        {
            var parts = new[] { items, contained }.Where(p => p.ValueKind != JsonValueKind.Undefined);
            var both = new JsonObject { ["allOf"] = new JsonArray([.. parts.Select(p => JsonSerializer.SerializeToNode(p))]) };
            var special = Value(JsonSerializer.SerializeToElement(both), $"({both.ToJsonString()})", depth + 1);
            return Bracketed("[", "]", new Repeat(item, comma, least, most, special, contains));
        }
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

    /// <summary>All values that a schema allows, each once, where it lists them.</summary>
    private List<JsonElement> Listed(JsonElement schema, string path)
    {
        var found = new List<JsonElement>();
        var forms = schema.ValueKind == JsonValueKind.Undefined ? null : _forms.Of(schema, path);
        foreach (var (form, _) in forms ?? throw NotListed())
        {
            if (form.ValueKind != JsonValueKind.Object) throw NotListed();
            var kinds = SchemaMerge.Types(JsonObject.Create(form)!);
            JsonElement[] values = form.TryGetProperty("const", out var one) ? [one]
                : form.TryGetProperty("enum", out var several) ? [.. Items(several, $"{path}/enum")]
                : kinds.All(k => k is "boolean" or "null") ? [.. s_small.EnumerateArray()] : throw NotListed();
            values = [.. values.Where(v => kinds.Any(k => SchemaMerge.IsOf(k, JsonSerializer.SerializeToNode(v))))];
            found.AddRange(Fitting(values, form, path, depth: 0).Where(v => !found.Exists(f => JsonElement.DeepEquals(f, v))));
        }
        if (found.Count > Distinct.MostOptions)
            throw new SchemaException($"{path}: 'uniqueItems' with {found.Count} values to choose among, at most {Distinct.MostOptions}");
        return found;

        SchemaException NotListed() => new($"{path}: 'uniqueItems' is supported where the items are listed values ('enum', 'const')");
    }

    private Rule Object(JsonElement schema, string path, int depth)
    {
        if (depth >= MostDepth) return new Choice();
        var listed = schema.TryGetProperty("properties", out var properties) ? Members(properties, path).ToList() : [];
        var required = schema.TryGetProperty("required", out var names) ? Items(names, $"{path}/required").Select(TextOf).ToHashSet() : [];
        var extra = schema.TryGetProperty("additionalProperties", out var more)
            ? more.ValueKind == JsonValueKind.False ? null : Value(more, $"{path}/additionalProperties", depth + 1) : Any(depth + 1);
        var (least, most) = (Whole(schema, "minProperties", 0, path), Whole(schema, "maxProperties", int.MaxValue, path));
        List<string> missing = [.. required.Except(listed.Select(p => p.Name))];
        if (listed.Count + missing.Count > MostSchemas)
            throw new SchemaException($"{path}: more than {MostSchemas} properties, listed or required");
        if (listed.Count == 0 && missing.Count == 0)
        {
            if (extra is null) return Bracketed("{", "}", new Series());
            var pair = new Series(new NameQuote(), new NameBody(), new Literal(":"), _space, extra);
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

    private static Literal Json(JsonElement value) => new(Utf8(value));

    private static byte[] Utf8(JsonElement value) => JsonSerializer.SerializeToUtf8Bytes(value, s_plain);

    private static Number Numeric(JsonElement schema, bool whole, string path)
    {
        var (low, high) = (Real("minimum"), Real("maximum"));
        var step = whole ? 1 : 1e-9m;
        if (Real("exclusiveMinimum") is { } above) low = Math.Max(low ?? above + step, (whole ? Math.Floor(above) : above) + step);
        if (Real("exclusiveMaximum") is { } below) high = Math.Min(high ?? below - step, (whole ? Math.Ceiling(below) : below) - step);
        var multiple = Real("multipleOf");
        if (multiple <= 0) throw new SchemaException($"{path}/multipleOf: expected over 0");
        if (multiple < 1e-13m) throw new SchemaException($"{path}/multipleOf: expected 1e-13 or more"); // else quotients overflow
        return new Number(whole, low, high, multiple);

        decimal? Real(string key)
        {
            if (!schema.TryGetProperty(key, out var value)) return null;
            if (value.ValueKind != JsonValueKind.Number) throw new SchemaException($"{path}/{key}: expected a number");
            if (!value.TryGetDecimal(out var number)) number = value.GetDouble() > 0 ? 1e20m : -1e20m;
            return Math.Clamp(number, -1e20m, 1e20m);
        }
    }
}
