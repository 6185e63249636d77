using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>Python's format % values.</summary>
internal static partial class PercentFormat
{
    public static string Format(string format, object? values)
    {
        var items = values is PythonSequence { IsTuple: true } tuple ? tuple.Items : [values];
        var (text, at, used) = (new StringBuilder(), 0, 0);
        object? Next() => used < items.Count ? items[used++] : throw TemplateError.Type("not enough arguments for format string");
        while (format.IndexOf('%', at) is var percent and >= 0)
        {
            text.Append(format, at, percent - at);
            var match = Conversion().Match(format, percent);
            if (!match.Success)
                throw TemplateError.Value("incomplete or unsupported format");
            at = percent + match.Length;
            if (match.Groups["type"].Value == "%")
                text.Append('%');
            else if (match.Groups["key"] is { Success: true } key)
                (_, used) = (text.Append(Convert(match, Named(values, key.Value), Next)), items.Count);
            else
                text.Append(Convert(match, null, Next));
        }
        text.Append(format, at, format.Length - at);
        if (used < items.Count && values is not (PythonDict or PythonSequence { IsTuple: false }))
            throw TemplateError.Type("not all arguments converted during string formatting");
        return text.ToString();
    }

    private static Found Named(object? values, string key) => values is PythonDict dict
        ? dict.TryGet(key, out var value) ? new Found(value) : throw new TemplateError("KeyError", PythonText.Repr(key))
        : throw TemplateError.Type("format requires a mapping");

    private static string Convert(Match match, Found? named, Func<object?> next)
    {
        int? Count(string group) => match.Groups[group] switch
        {
            { Success: false } => null,
            { Value: "*" } => Python.Index(next()),
            { Value: "" } => 0,
            var digits => int.TryParse(digits.Value, CultureInfo.InvariantCulture, out var count) ? count : int.MaxValue,
        };
        var flags = match.Groups["flags"].Value;
        var (width, precision) = (Count("width") ?? 0, Count("precision"));
        var value = named is null ? next() : named.Value;
        var type = match.Groups["type"].Value[0];
        var isZero = flags.Contains('0') && !flags.Contains('-') && type is not ('s' or 'r' or 'a' or 'c');
        var spec = new FormatSpec
        {
            Width = width, Precision = precision is > 1000 ? throw TemplateError.Value("precision too large") : precision, Type = type,
            Align = flags.Contains('-') ? '<' : isZero ? '=' : '>', Fill = isZero ? '0' : ' ',
            Sign = flags.Contains('+') ? '+' : flags.Contains(' ') ? ' ' : null, IsAlternate = flags.Contains('#'),
        };
        return type switch
        {
            's' => spec.Text(PythonText.Of(value)),
            'r' or 'a' => spec.Text(PythonText.Repr(value)),
            'c' => spec.Text(value as string ?? char.ConvertFromUtf32(Python.Index(value))),
            'd' or 'i' or 'u' => spec.Number(value is double real ? PythonNumber.Truncate(real) : Number(value, type)),
            'x' or 'X' or 'o' => spec.Number(Number(value, type) is BigInteger integer ? integer
                : throw TemplateError.Type($"%{type} format: an integer is required, not float")),
            _ => spec.Number(PythonNumber.AsDouble(Number(value, type))!.Value),
        };
    }

    private static object Number(object? value, char type) => value is double real ? real : PythonNumber.AsInteger(value)
        ?? throw TemplateError.Type($"%{type} format: a real number is required, not {Python.TypeName(value)}");

    [GeneratedRegex(
        @"\G%(?:\((?<key>[^)]*)\))?(?<flags>[-+ 0#]*)(?<width>\*|\d+)?(?:\.(?<precision>\*|\d*))?[hlL]?(?<type>[%srcadiuxXoeEfFgG])")]
    private static partial Regex Conversion();

    private sealed record Found(object? Value);
}
