using System.Numerics;
using TransformerTorch.Text.Templates.Evaluation;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Library;

/// <summary>What may follow `|`: Jinja's filters, but for those that make HTML links, attributes and random choices.</summary>
internal static class Filters
{
    public static readonly Dictionary<string, Function> All = new(StringComparer.Ordinal);

    static Filters()
    {
        foreach (var group in new[] { Own(), TextFilters.All, ListFilters.All })
        {
            foreach (var (name, function) in group)
                All[name] = function;
        }
        foreach (var (alias, name) in new[] { ("d", "default"), ("count", "length"), ("e", "escape") })
            All[alias] = All[name];
    }

    private static Dictionary<string, Function> Own() => new()
    {
        ["default"] = new((_, a) => a[0] is Undefined || (Python.IsTrue(a[2]) && !Python.IsTrue(a[0])) ? a[1] : a[0],
            ("default_value", ""), ("boolean", false)),
        ["length"] = new((_, a) =>
            Python.Int(Python.Length(a[0]) ?? throw TemplateError.Type($"object of type '{Python.TypeName(a[0])}' has no len()"))),
        ["abs"] = new((_, a) => Python.IsTrue(a[0]) && Equality.Compare(a[0], BigInteger.Zero) < 0 ? Arithmetic.Sign(isNegative: true, a[0])
            : Arithmetic.Sign(isNegative: false, a[0])),
        ["int"] = new((_, a) => ToInteger(a[0], a[1], Python.Index(a[2])), ("default", BigInteger.Zero), ("base", new BigInteger(10))),
        ["float"] = new((_, a) => (object?)ToDouble(a[0]) ?? a[1], ("default", 0.0)),
        ["round"] = new((_, a) => Round(a[0], Python.Index(a[1]), (string)a[2]!), ("precision", BigInteger.Zero), ("method", "common")),
        ["tojson"] = new((_, a) => PythonJson.Write(a[0], Style(a)),
            ("ensure_ascii", false), ("indent", null), ("separators", null), ("sort_keys", false)),
        ["attr"] = new((_, a) => a[0] is PythonDict && !Methods.Has(a[0], (string)a[1]!) ? Undefined.Of(a[0], a[1])
            : Access.Attribute(a[0], (string)a[1]!),
            ("name", Function.Required)),
        ["items"] = new((_, a) => a[0] switch
        {
            Undefined => new Generator([]),
            PythonDict dict => new Generator(dict.Tuples),
            _ => throw TemplateError.Type("Can only get item pairs from a mapping."),
        }),
        ["safe"] = new((_, a) => PythonText.Of(a[0])),
    };

    private static object? ToInteger(object? value, object? otherwise, int radix)
    {
        if (value is Undefined undefined)
            throw undefined.Error();
        if (value is string text)
            return PythonNumber.TryInteger(text, radix, out var parsed) ? parsed
                : PythonNumber.TryDouble(text, out var number) && double.IsFinite(number) ? PythonNumber.Truncate(number) : otherwise;
        return value is double real ? double.IsNaN(real) ? otherwise : double.IsInfinity(real) ? otherwise : PythonNumber.Truncate(real)
            : PythonNumber.AsInteger(value) ?? otherwise;
    }

    private static double? ToDouble(object? value) => value switch
    {
        Undefined undefined => throw undefined.Error(),
        string text => PythonNumber.TryDouble(text, out var number) ? number : null,
        _ => PythonNumber.AsDouble(value),
    };

    private static object Round(object? value, int precision, string method)
    {
        if (method is not ("common" or "ceil" or "floor"))
            throw new TemplateError("FilterArgumentError", "method must be common, ceil or floor");
        if (value is Undefined undefined)
            throw undefined.Error();
        if (method == "common" && PythonNumber.AsInteger(value) is { } integer)
            return precision >= 0 ? integer : RoundInteger(integer, BigInteger.Pow(10, Math.Min(-precision, 4000)));
        var number = PythonNumber.AsDouble(value)
            ?? throw TemplateError.Type($"type {Python.TypeName(value)} doesn't define __round__ method");
        if (method == "common")
            return RoundDouble(number, precision);
        var scale = Math.Pow(10, precision);
        return (method == "ceil" ? Math.Ceiling(number * scale) : Math.Floor(number * scale)) / scale;
    }

    private static BigInteger RoundInteger(BigInteger value, BigInteger unit)
    {
        var half = BigInteger.DivRem(BigInteger.Abs(value), unit, out var rest);
        var order = (rest * 2).CompareTo(unit);
        return (half + (order > 0 || (order == 0 && !half.IsEven) ? 1 : 0)) * unit * value.Sign;
    }

    // Exact decimal digits of the binary number, rounded half to even: what Python's round() does.
    private static double RoundDouble(double value, int precision)
    {
        if (!double.IsFinite(value) || precision > 300)
            return value;
        if (precision >= 0)
            return double.Parse(value.ToString("F" + precision, System.Globalization.CultureInfo.InvariantCulture) is var text
                    && precision == 0
                ? Math.Round(value, MidpointRounding.ToEven).ToString("R", System.Globalization.CultureInfo.InvariantCulture) : text,
                System.Globalization.CultureInfo.InvariantCulture);
        return (double)RoundInteger(PythonNumber.Truncate(Math.Round(value)), BigInteger.Pow(10, Math.Min(-precision, 400)));
    }

    private static JsonStyle Style(object?[] a)
    {
        var indent = a[2] switch
        {
            null => null,
            string text => text,
            var width => new string(' ', Math.Clamp(Python.Index(width), 0, 1000)),
        };
        var separators = a[3] is null ? (indent is null ? ", " : ",", ": ")
            : Python.Iterate(a[3]).ToArray() is [string item, string key] ? (item, key)
                : throw TemplateError.Type("separators must be two strings");
        return new JsonStyle(Python.IsTrue(a[1]), indent, separators, Python.IsTrue(a[4]));
    }
}
