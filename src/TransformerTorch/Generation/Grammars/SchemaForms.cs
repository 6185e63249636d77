using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.Generation.Grammars;

/// <summary>
/// A schema as plain ones, of which a value fits one: references followed, <c>anyOf</c>, <c>oneOf</c>, <c>allOf</c>, <c>not</c> and
/// <c>if</c> multiplied out with what stands beside them.
/// </summary>
/// <param name="target">where a reference leads: its schema and its path</param>
internal sealed class SchemaForms(Func<JsonElement, string, (JsonElement Schema, string Path)> target)
{
    private const int MostForms = 256;
    private static readonly string[] s_several = ["anyOf", "oneOf", "allOf"], s_turned = ["not", "if", "then", "else"];
    private readonly Dictionary<string, IReadOnlyList<Form>> _known = [];
    private readonly HashSet<string> _open = [];
    private int _cuts; // how often something led back to itself

    /// <summary>A plain schema and a path that no other has.</summary>
    internal readonly record struct Form(JsonElement Schema, string Path);

    /// <exception cref="SchemaException">There are too many, or values of a <c>oneOf</c> cannot be told apart.</exception>
    public IReadOnlyList<Form> Of(JsonElement schema, string path)
    {
        if (_known.TryGetValue(path, out var known)) return known;
        SchemaReader.RequireStack();
        if (!_open.Add(path))
        {
            _cuts++;
            return []; // what is only itself is nothing
        }
        try
        {
            var (before, found) = (_cuts, Find(schema, path));
            return _cuts == before ? _known[path] = found : found; // a part of a circle depends on where it is entered
        }
        finally
        {
            _open.Remove(path);
        }
    }

    private IReadOnlyList<Form> Find(JsonElement schema, string path)
    {
        if (schema.ValueKind == JsonValueKind.False) return [];
        var parts = new List<IReadOnlyList<Form>>();
        if (schema.ValueKind == JsonValueKind.Object)
        {
            if (schema.TryGetProperty("$ref", out _))
            {
                var (there, at) = target(schema, path);
                parts.Add(Of(there, at));
            }
            foreach (var key in s_several)
            {
                if (!schema.TryGetProperty(key, out var several)) continue;
                IReadOnlyList<Form>[] each = [.. several.EnumerateArray().Select((s, i) => Of(s, $"{path}/{key}/{i}"))];
                if (key == "oneOf") RequireApart(each, $"{path}/oneOf");
                parts.AddRange(key == "allOf" ? each : [[.. each.SelectMany(e => e)]]);
            }
            if (schema.TryGetProperty("not", out var not)) parts.Add(Of(SchemaNegation.Of(not, $"{path}/not", target)));
            if (schema.TryGetProperty("if", out _)) parts.Add(Of(SchemaNegation.Conditional(schema)));
        }
        if (parts.Exists(p => p.Count > MostForms)) throw TooMany(path);
        if (parts.Count == 0) return [new(schema, path)];
        if (Beside(schema) is { Count: > 0 } beside) parts.Insert(0, [new(JsonSerializer.SerializeToElement(beside), path)]);
        if (parts.Count == 1) return parts[0];
        return parts.Aggregate((left, right) => Product(left, right));
    }

    private static SchemaException TooMany(string path) => new($"{path}: more than {MostForms} ways to satisfy it");

    private IReadOnlyList<Form> Of(JsonNode made)
    {
        var named = Named(made);
        return Of(named.Schema, named.Path);
    }

    // What the schema says besides, without what says nothing about values.
    private static JsonObject Beside(JsonElement schema) => new(schema.EnumerateObject()
        .Where(m => m.Name != "$ref" && !s_several.Contains(m.Name) && !s_turned.Contains(m.Name)
            && (!SchemaCompiler.IsSilent(m.Name) || StringFormat.IsOne(m)))
        .Select(m => KeyValuePair.Create(m.Name, JsonSerializer.SerializeToNode(m.Value))));

    private static List<Form> Product(IReadOnlyList<Form> left, IReadOnlyList<Form> right)
    {
        if ((long)left.Count * right.Count > MostForms)
            throw new SchemaException($"more than {MostForms} ways to satisfy all parts of a schema");
        return [.. left.SelectMany(l => right.Select(r => SchemaMerge.Of(l.Schema, r.Schema))).OfType<JsonObject>().Select(Named)];
    }

    // The same content has the same path, so that what refers to itself comes to an end.
    private static Form Named(JsonNode schema)
    {
        var element = JsonSerializer.SerializeToElement(schema);
        return new(element, $"({element.GetRawText()})");
    }

    private void RequireApart(IReadOnlyList<Form>[] each, string path)
    {
        if (each.Sum(e => e.Count) > MostForms) throw TooMany(path); // before each is compared with each
        for (var i = 0; i < each.Length; i++)
            for (var j = 0; j < i; j++)
                if (each[i].Any(a => each[j].Any(b => !AreApart(a, b))))
                    throw new SchemaException($"{path}: a value may fit both {j} and {i}; what each requires must tell them apart");
    }

    private bool AreApart(Form a, Form b)
    {
        if (SchemaMerge.Of(a.Schema, b.Schema) is not { } both) return true;
        if (!SchemaMerge.Types(both).SequenceEqual(["object"]) || both["properties"] is not JsonObject properties) return false;
        var required = (both["required"] as JsonArray ?? []).Select(r => $"{r}").ToList();
        return required.Exists(name => properties[name] is { } value && IsNothing(JsonSerializer.SerializeToElement(value)));
    }

    private bool IsNothing(JsonElement schema)
    {
        var before = _cuts;
        return Of(schema, $"({schema.GetRawText()})").Count == 0 && _cuts == before;
    }
}
