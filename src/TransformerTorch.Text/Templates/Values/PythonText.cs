using System.Globalization;
using System.Numerics;
using System.Text;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>str() and repr().</summary>
internal static class PythonText
{
    public static string Of(object? value) => value switch { string text => text, Undefined => "", _ => Repr(value) };

    public static string Repr(object? value)
    {
        var text = new StringBuilder();
        Write(value, text);
        return text.ToString();
    }

    private static void Write(object? value, StringBuilder text)
    {
        switch (value)
        {
            case null: text.Append("None"); break;
            case bool truth: text.Append(truth ? "True" : "False"); break;
            case BigInteger number: text.Append(number.ToString(CultureInfo.InvariantCulture)); break;
            case double number: text.Append(PythonNumber.Repr(number)); break;
            case string characters: Quote(characters, text); break;
            case PythonSequence sequence: WriteSequence(sequence, text); break;
            case PythonDict dict: WriteDict(dict, text); break;
            case PythonRange range: text.Append(RangeText(range)); break;
            case DictView view: Join(text, $"{view.Name}([", view, "])"); break;
            case Undefined: text.Append("Undefined"); break;
            case Namespace: text.Append("<Namespace>"); break;
            default:
                text.Append(value.ToString() is { } own && value is Callable or IAttributes ? own : $"<{Python.TypeName(value)} object>");
                break;
        }
    }

    private static void WriteSequence(PythonSequence sequence, StringBuilder text) =>
        Join(text, sequence.IsTuple ? "(" : "[", sequence.Items, !sequence.IsTuple ? "]" : sequence.Items.Count == 1 ? ",)" : ")");

    private static void Join(StringBuilder text, string open, IEnumerable<object?> items, string close)
    {
        text.Append(open);
        var separator = "";
        foreach (var item in items)
        {
            text.Append(separator);
            Write(item, text);
            separator = ", ";
        }
        text.Append(close);
    }

    private static void WriteDict(PythonDict dict, StringBuilder text)
    {
        var separator = "{";
        foreach (var (key, value) in dict.Pairs)
        {
            text.Append(separator);
            Write(key, text);
            text.Append(": ");
            Write(value, text);
            separator = ", ";
        }
        text.Append(dict.Count == 0 ? "{}" : "}");
    }

    private static string RangeText(PythonRange range) =>
        range.Step == 1 ? $"range({range.Start}, {range.Stop})" : $"range({range.Start}, {range.Stop}, {range.Step})";

    private static void Quote(string characters, StringBuilder text)
    {
        var quote = characters.Contains('\'') && !characters.Contains('"') ? '"' : '\'';
        text.Append(quote);
        for (var i = 0; i < characters.Length; i++)
        {
            var c = Strings.IsPair(characters, i) ? char.ConvertToUtf32(characters[i], characters[++i]) : characters[i];
            text.Append(c switch
            {
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                _ when c == quote => $"\\{quote}",
                _ when IsPrintable(c) => c < 0x10000 ? ((char)c).ToString() : char.ConvertFromUtf32(c),
                < 0x100 => $"\\x{c:x2}",
                < 0x10000 => $"\\u{c:x4}",
                _ => $"\\U{c:x8}",
            });
        }
        text.Append(quote);
    }

    private static bool IsPrintable(int c) => c == ' ' || CharUnicodeInfo.GetUnicodeCategory(c) is not (UnicodeCategory.Control
        or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}
