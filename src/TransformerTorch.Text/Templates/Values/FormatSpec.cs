using System.Globalization;
using System.Numerics;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>How one value is laid out by `%` or format().</summary>
internal sealed record FormatSpec
{
    public char Fill { get; init; } = ' ';

    public char? Align { get; init; }

    public char? Sign { get; init; }

    public bool IsAlternate { get; init; }

    public int Width { get; init; }

    public char? Grouping { get; init; }

    public int? Precision { get; init; }

    public char? Type { get; init; }

    /// <summary>The text of a number without its sign, by the type's rule.</summary>
    public string Digits(object value)
    {
        if (Type is null or 'd' or 'i' or 'u' or 'x' or 'X' or 'o' or 'b' && value is BigInteger integer)
            return value is double number && Type is null && Precision is null ? PythonNumber.Repr(Math.Abs(number))
                : value is double general
                ? General(Math.Abs(general), (Precision ?? 6) is var p && p == 0 ? 1 : p) : Radix(BigInteger.Abs((BigInteger)value));
        var size = Math.Abs(PythonNumber.AsDouble(value)!.Value);
        if (!double.IsFinite(size))
            return double.IsNaN(size) ? "nan" : "inf";
        return Type switch
        {
            'f' or 'F' => size.ToString("F" + (Precision ?? 6), CultureInfo.InvariantCulture),
            '%' => (size * 100).ToString("F" + (Precision ?? 6), CultureInfo.InvariantCulture) + "%",
            'e' or 'E' => Exponent(size, Precision ?? 6),
            _ => General(size, Math.Max(Precision ?? 6, 1)),
        };
    }

    /// <summary>Sign, digits with their groups, and filling up to the width.</summary>
    public string Number(object value)
    {
        var isNegative = value is BigInteger integer ? integer.Sign < 0 : double.IsNegative((double)value);
        var digits = Grouping is { } separator ? Group(Digits(value), separator) : Digits(value);
        var sign = isNegative ? "-" : Sign is '+' or ' ' ? Sign.ToString()! : "";
        return Pad(sign, digits, '>');
    }

    public string Text(string text)
    {
        var starts = Strings.Starts(text);
        return Pad("", Precision is { } limit && limit < starts.Length - 1 ? text[..starts[limit]] : text, '<');
    }

    private string Pad(string sign, string body, char standard)
    {
        var missing = Width - Strings.Length(sign) - Strings.Length(body);
        if (missing <= 0)
            return sign + body;
        return Strings.Checked(missing, () => (Align ?? standard) switch
        {
            '<' => sign + body + new string(Fill, missing),
            '^' => new string(Fill, missing / 2) + sign + body + new string(Fill, missing - (missing / 2)),
            '=' => sign + new string(Fill, missing) + body,
            _ => new string(Fill, missing) + sign + body,
        });
    }

    private string Radix(BigInteger value)
    {
        var (radix, prefix) = Type switch { 'x' or 'X' => (16, "0x"), 'o' => (8, "0o"), 'b' => (2, "0b"), _ => (10, "") };
        if (radix == 10)
            return value.ToString(CultureInfo.InvariantCulture).PadLeft(Math.Min(Precision ?? 0, 4300), '0');
        var digits = value.IsZero ? "0" : "";
        for (; !value.IsZero; value /= radix)
            digits = "0123456789abcdef"[(int)(value % radix)] + digits;
        var text = (IsAlternate ? prefix : "") + digits;
        return Type == 'X' ? text.ToUpperInvariant() : text;
    }

    private string Exponent(double value, int precision)
    {
        var text = value.ToString((Type == 'E' ? "E" : "e") + precision, CultureInfo.InvariantCulture);
        var mark = text.LastIndexOfAny(['e', 'E']);
        return text[..(mark + 2)] + text[(mark + 2)..].TrimStart('0').PadLeft(2, '0');
    }

    private string General(double value, int precision)
    {
        if (value == 0)
            return "0";
        var exponent = int.Parse(
            value.ToString("E" + (precision - 1), CultureInfo.InvariantCulture).Split('E')[1], CultureInfo.InvariantCulture);
        if (exponent < -4 || exponent >= precision)
        {
            var text = Exponent(value, precision - 1);
            var mark = text.LastIndexOfAny(['e', 'E']);
            return Trim(text[..mark]) + text[mark..];
        }
        return Trim(value.ToString("F" + (precision - 1 - exponent), CultureInfo.InvariantCulture));
    }

    private static string Trim(string digits) => digits.Contains('.') ? digits.TrimEnd('0').TrimEnd('.') : digits;

    private static string Group(string digits, char separator)
    {
        var whole = digits.TakeWhile(char.IsAsciiDigit).Count();
        for (var i = whole - 3; i > 0; i -= 3)
            digits = digits.Insert(i, separator.ToString());
        return digits;
    }
}
