using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>How json.dumps is to write.</summary>
internal sealed record JsonStyle(bool IsAscii, string? Indent, (string Item, string Key) Separators, bool SortsKeys);

/// <summary>json.loads of a node, and json.dumps of a value.</summary>
internal static class PythonJson
{
    public static object? Read(JsonNode? node) => node switch
    {
        null => null,
        JsonObject dict => new PythonDict(dict.Select(item => ((object?)item.Key, Read(item.Value)))),
        JsonArray list => PythonSequence.List(list.Select(Read)),
        _ => node.GetValueKind() switch
        {
            JsonValueKind.String => node.GetValue<string>(),
            JsonValueKind.True => Python.True,
            JsonValueKind.False => Python.False,
            JsonValueKind.Null => null,
            _ => Number(node.ToJsonString()),
        },
    };

    public static string Write(object? value, JsonStyle style)
    {
        var text = new StringBuilder();
        Write(value, style, text, 0);
        return text.ToString();
    }

    private static object Number(string text) =>
        PythonNumber.TryInteger(text, 10, out var integer) ? integer : double.Parse(text, CultureInfo.InvariantCulture);

    private static void Write(object? value, JsonStyle style, StringBuilder text, int depth)
    {
        if (text.Length > Composite.MaximumWeight)
            throw TemplateError.Limit($"JSON of more than {Composite.MaximumWeight} characters");
        switch (value)
        {
            case string characters: Quote(characters, style.IsAscii, text); break;
            case PythonSequence list: Nest(list.Items, "[]", style, text, depth, item => Write(item, style, text, depth + 1)); break;
            case PythonDict dict: WriteDict(dict, style, text, depth); break;
            case null or bool or BigInteger or double: text.Append(Scalar(value)); break;
            default: throw TemplateError.Type($"Object of type {Python.TypeName(value)} is not JSON serializable");
        }
    }

    private static void WriteDict(PythonDict dict, JsonStyle style, StringBuilder text, int depth)
    {
        var pairs = style.SortsKeys ? dict.Pairs.Order(Comparer<(object? Key, object?)>.Create((a, b) => Equality.Compare(a.Key, b.Key)))
            : dict.Pairs;
        Nest(pairs, "{}", style, text, depth, pair =>
        {
            Quote(pair.Key as string ?? Scalar(pair.Key), style.IsAscii, text);
            text.Append(style.Separators.Key);
            Write(pair.Value, style, text, depth + 1);
        });
    }

    private static void Nest<T>(IEnumerable<T> items, string brackets, JsonStyle style, StringBuilder text, int depth, Action<T> write)
    {
        text.Append(brackets[0]);
        var isFirst = true;
        foreach (var item in items)
        {
            if (!isFirst)
                text.Append(style.Separators.Item);
            NewLine(style, text, depth + 1);
            write(item);
            isFirst = false;
        }
        if (!isFirst)
            NewLine(style, text, depth);
        text.Append(brackets[1]);
    }

    private static void NewLine(JsonStyle style, StringBuilder text, int depth)
    {
        if (style.Indent is null)
            return;
        text.Append('\n');
        for (var i = 0; i < depth; i++)
            text.Append(style.Indent);
    }

    private static string Scalar(object? value) => value switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        double number when double.IsNaN(number) => "NaN",
        double number when double.IsInfinity(number) => number > 0 ? "Infinity" : "-Infinity",
        BigInteger or double => PythonText.Repr(value),
        _ => throw TemplateError.Type($"keys must be str, int, float, bool or None, not {Python.TypeName(value)}"),
    };

    private static void Quote(string characters, bool isAscii, StringBuilder text)
    {
        text.Append('"');
        foreach (var c in characters)
        {
            var simple = "\"\\\n\r\t\f\b".IndexOf(c, StringComparison.Ordinal);
            if (simple >= 0)
                text.Append('\\').Append("\"\\nrtfb"[simple]);
            else if (c < ' ' || (isAscii && c > '~'))
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                text.Append(c);
        }
        text.Append('"');
    }
}
