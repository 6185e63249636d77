using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>Python's str.format, with fields by number or name; attributes and items of a field go through the sandbox's look-up.</summary>
internal static partial class BraceFormat
{
    public static string Format(string format, Arguments arguments, Func<object?, object?, object?> item)
    {
        var (text, automatic) = (new StringBuilder(), 0);
        for (var at = 0; at < format.Length;)
        {
            var c = format[at++];
            if (c is not ('{' or '}'))
            {
                text.Append(c);
            }
            else if (at < format.Length && format[at] == c)
            {
                text.Append(format[at++]);
            }
            else
            {
                var field = c == '{' ? Field().Match(format, at) : Match.Empty;
                if (!field.Success)
                    throw TemplateError.Value($"Single '{c}' encountered in format string");
                text.Append(Format(field, arguments, ref automatic, item));
                at += field.Length;
            }
        }
        return text.ToString();
    }

    public static string Apply(object? value, string layout)
    {
        if (layout.Length == 0)
            return PythonText.Of(value);
        var match = Layout().Match(layout);
        if (!match.Success)
            throw TemplateError.Value("Invalid format specifier");
        char? Character(string group) => match.Groups[group] is { Success: true, Value: [var c, ..] } ? c : null;
        int? Count(string group) => match.Groups[group].Success
            ? int.TryParse(match.Groups[group].Value, CultureInfo.InvariantCulture, out var count) ? count : int.MaxValue : null;
        var isZero = match.Groups["zero"].Length > 0;
        var spec = new FormatSpec
        {
            Fill = Character("fill") ?? (isZero ? '0' : ' '), Align = Character("align") ?? (isZero ? '=' : null), Sign = Character("sign"),
            IsAlternate = match.Groups["alternate"].Length > 0, Width = Count("width") ?? 0, Grouping = Character("grouping"),
            Precision = Count("precision") is > 1000 ? throw TemplateError.Value("precision too big") : Count("precision"),
            Type = Character("type"),
        };
        if (value is string characters)
            return spec.Type is null or 's' ? spec.Text(characters) : throw Unknown(spec.Type, value);
        if (value is double number)
            return spec.Type is null or 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%' ? spec.Number(number)
                : throw Unknown(spec.Type, value);
        if (PythonNumber.AsInteger(value) is { } integer)
            return spec.Type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%' ? spec.Number((double)integer) : spec.Number(integer);
        throw TemplateError.Type($"unsupported format string passed to {Python.TypeName(value)}.__format__");
    }

    private static string Format(Match field, Arguments arguments, ref int automatic, Func<object?, object?, object?> item)
    {
        var name = field.Groups["name"].Value;
        object? value;
        if (name.Length == 0 || char.IsAsciiDigit(name[0]))
        {
            var index = name.Length == 0 ? automatic++ : int.TryParse(name, out var number) ? number : int.MaxValue;
            if (index >= arguments.Positional.Count)
                throw new TemplateError("IndexError", $"Replacement index {index} out of range for positional args tuple");
            value = arguments.Positional[index];
        }
        else if (!arguments.Named.TryGetValue(name, out value))
        {
            throw new TemplateError("KeyError", PythonText.Repr(name));
        }
        foreach (Capture part in field.Groups["part"].Captures)
            value = item(value, int.TryParse(part.Value, out var index) ? (BigInteger)index : part.Value);
        var converted = field.Groups["conversion"].Value switch
        {
            "r" or "a" => PythonText.Repr(value),
            "s" => PythonText.Of(value),
            _ => value,
        };
        return Apply(converted, field.Groups["layout"].Value);
    }

    private static TemplateError Unknown(char? type, object value) =>
        TemplateError.Value($"Unknown format code '{type}' for object of type '{Python.TypeName(value)}'");

    [GeneratedRegex(@"\G(?<name>\w*)(?:\.(?<part>\w+)|\[(?<part>[^\]]+)\])*(?:!(?<conversion>[rsa]))?(?::(?<layout>[^{}]*))?\}")]
    private static partial Regex Field();

    [GeneratedRegex(
        @"^(?:(?<fill>.)?(?<align>[<>=^]))?(?<sign>[-+ ])?(?<alternate>#?)(?<zero>0?)(?<width>\d+)?(?<grouping>[,_])?"
        + @"(?:\.(?<precision>\d+))?(?<type>[sbdoxXeEfFgG%])?$")]
    private static partial Regex Layout();
}
