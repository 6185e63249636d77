using System.Text;

namespace TransformerTorch.Data.Sources;

/// <summary>
/// A member's id in .NET's XML documentation (<c>M:System.Math.Max(System.Int32,System.Int32)</c>; ECMA-334, annex D.4.2), taken apart.
/// </summary>
/// <param name="Kind">type, constructor, method, property, field or event.</param>
/// <param name="Type">The full name of the type, with its arity: <c>System.Collections.Generic.List`1</c>.</param>
/// <param name="Member">The member's own name; empty for a type.</param>
/// <param name="Parameters">The parameters' type ids.</param>
public sealed record DocumentationId(string Kind, string Type, string Member, IReadOnlyList<string> Parameters)
{
    private static readonly Dictionary<string, string> _keywords = new()
    {
        ["Boolean"] = "bool", ["Byte"] = "byte", ["SByte"] = "sbyte", ["Char"] = "char", ["Decimal"] = "decimal", ["Double"] = "double",
        ["Single"] = "float", ["Int32"] = "int", ["UInt32"] = "uint", ["Int64"] = "long", ["UInt64"] = "ulong", ["Int16"] = "short",
        ["UInt16"] = "ushort", ["IntPtr"] = "nint", ["UIntPtr"] = "nuint", ["Object"] = "object", ["String"] = "string", ["Void"] = "void",
    };

    /// <summary>Takes an id apart; null where it has not the form of one.</summary>
    public static DocumentationId? Parse(string id)
    {
        if (id.Length < 3 || id[1] != ':') return null;
        var body = id[2..];
        var returned = body.IndexOf('~', StringComparison.Ordinal);          // conversion operators append what they return
        if (returned >= 0) body = body[..returned];
        var open = body.IndexOf('(', StringComparison.Ordinal);
        var name = open < 0 ? body : body[..open];
        var parameters = open < 0 ? [] : SplitTopLevel(body[(open + 1)..].TrimEnd(')'));
        if (id[0] == 'T') return new("type", name, "", []);

        var dot = name.LastIndexOf('.');
        if (dot <= 0) return null;
        var (type, member) = (name[..dot], name[(dot + 1)..]);
        var kind = id[0] switch { 'M' => "method", 'P' => "property", 'F' => "field", 'E' => "event", _ => null };
        if (kind is null) return null;
        return member is "#ctor" or "#cctor" ? new("constructor", type, "", parameters) : new(kind, type, member, parameters);
    }

    /// <summary>As a C# reader would write it: <c>System.Math.Max(int val1, int val2)</c>.</summary>
    /// <param name="typeArguments">Names of the type's own parameters, in order.</param>
    /// <param name="methodArguments">Names of the method's own type parameters, in order.</param>
    /// <param name="parameterNames">Names of the parameters, in order; fewer than there are, where unknown.</param>
    public string ToSignature(
        IReadOnlyList<string> typeArguments, IReadOnlyList<string> methodArguments, IReadOnlyList<string> parameterNames)
    {
        var text = new StringBuilder(WithArguments(Type, typeArguments));
        if (Member.Length > 0) text.Append('.').Append(WithArguments(Member.Replace('#', '.'), methodArguments));
        var listed = Parameters.Select((p, i) =>
            ShortType(p, typeArguments, methodArguments) + (i < parameterNames.Count ? " " + parameterNames[i] : ""));
        if (Kind is "method" or "constructor") text.Append('(').AppendJoin(", ", listed).Append(')');
        else if (Parameters.Count > 0) text.Append('[').AppendJoin(", ", listed).Append(']');
        return text.ToString();
    }

    /// <summary>How running text names a referenced member: <c>Console</c>, <c>Console.Beep</c>.</summary>
    public static string ShortReference(string id)
    {
        if (Parse(id) is not { } parsed) return id.Length > 2 && id[1] == ':' ? id[2..] : id;
        var type = WithoutArity(parsed.Type[(parsed.Type.LastIndexOf('.') + 1)..]);
        return parsed.Member.Length == 0 ? type : $"{type}.{WithoutArity(parsed.Member)}";
    }

    private static string WithoutArity(string name) => name.IndexOf('`', StringComparison.Ordinal) is >= 0 and var at ? name[..at] : name;

    // List`1 with (T) becomes List<T>; unknown arguments are left out.
    private static string WithArguments(string name, IReadOnlyList<string> arguments)
    {
        var bare = string.Join('.', name.Split('.').Select(WithoutArity));
        return name.Contains('`', StringComparison.Ordinal) && arguments.Count > 0 ? $"{bare}<{string.Join(", ", arguments)}>" : bare;
    }

    private static string ShortType(string id, IReadOnlyList<string> typeArguments, IReadOnlyList<string> methodArguments)
    {
        if (id.EndsWith('@')) return "ref " + ShortType(id[..^1], typeArguments, methodArguments);
        if (id.EndsWith('*')) return ShortType(id[..^1], typeArguments, methodArguments) + "*";
        if (id.EndsWith(']') && id.LastIndexOf('[') is > 0 and var bracket)
            return ShortType(id[..bracket], typeArguments, methodArguments)
                + "[" + new string(',', id[bracket..].Count(c => c == ',')) + "]";
        if (id.StartsWith("``", StringComparison.Ordinal)) return Argument(id[2..], methodArguments);
        if (id.StartsWith('`')) return Argument(id[1..], typeArguments);

        var brace = id.IndexOf('{', StringComparison.Ordinal);
        var name = brace < 0 ? id : id[..brace];
        name = WithoutArity(name[(name.LastIndexOf('.') + 1)..]);
        if (brace < 0) return _keywords.GetValueOrDefault(name, name);
        var inner = SplitTopLevel(id[(brace + 1)..id.LastIndexOf('}')]).Select(a => ShortType(a, typeArguments, methodArguments));
        return name == "Nullable" ? inner.First() + "?" : $"{name}<{string.Join(", ", inner)}>";
    }

    private static string Argument(string index, IReadOnlyList<string> names) =>
        int.TryParse(index, out var i) && i < names.Count ? names[i] : "T";

    private static List<string> SplitTopLevel(string list)
    {
        var parts = new List<string>();
        var (depth, start) = (0, 0);
        for (var i = 0; i < list.Length; i++)
        {
            if (list[i] is '{' or '[' or '(') depth++;
            else if (list[i] is '}' or ']' or ')') depth--;
            else if (list[i] == ',' && depth == 0) { parts.Add(list[start..i]); start = i + 1; }
        }
        if (start < list.Length) parts.Add(list[start..]);
        return parts;
    }
}
