using System.Globalization;
using System.Numerics;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>Numbers as Python reads, writes and compares them.</summary>
internal static class PythonNumber
{
    /// <summary>More bits than this in a result is an error; Python itself prints no more than 4300 digits.</summary>
    public const int MaximumBits = 14_000;

    /// <summary>The order of two numbers, or null where one is not a number (or is NaN).</summary>
    public static int? TryCompare(object? left, object? right)
    {
        if (left is string or null || right is string or null)
            return null;
        if (AsInteger(left) is { } a && AsInteger(right) is { } b)
            return Math.Sign(a.CompareTo(b));
        if (AsDouble(left) is not { } x || AsDouble(right) is not { } y)
            return null;
        return double.IsNaN(x) || double.IsNaN(y) ? (ReferenceEquals(left, right) ? null : 2) : x.CompareTo(y);
    }

    public static BigInteger? AsInteger(object? value) =>
        value switch { BigInteger number => number, bool truth => truth ? 1 : 0, _ => null };

    public static double? AsDouble(object? value) =>
        value is double number ? number : AsInteger(value) is { } integer ? (double)integer : null;

    /// <summary>int(text, base); base 0 takes the prefix 0x, 0o or 0b.</summary>
    public static bool TryInteger(string text, int radix, out BigInteger value)
    {
        value = 0;
        var digits = Strings.Strip(text).Replace("_", "", StringComparison.Ordinal);
        var isNegative = digits.StartsWith('-');
        if (isNegative || digits.StartsWith('+'))
            digits = digits[1..];
        var prefix = digits.Length > 1 && digits[0] == '0'
            ? char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 }
            : 0;
        if (prefix != 0 && (radix == 0 || radix == prefix))
            (digits, radix) = (digits[2..], prefix);
        radix = radix == 0 ? 10 : radix;
        if (digits.Length is 0 or > 4300)
            return false;
        if (radix == 10)
        {
            if (!digits.All(char.IsAsciiDigit) || !BigInteger.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value))
                return false;
        }
        else if (!TryDigits(digits, radix, ref value))
        {
            return false;
        }
        value = isNegative ? -value : value;
        return true;
    }

    /// <summary>float(text).</summary>
    public static bool TryDouble(string text, out double value)
    {
        var number = Strings.Strip(text);
        var plain = number.TrimStart('+', '-').ToLowerInvariant();
        value = plain switch { "inf" or "infinity" => double.PositiveInfinity, "nan" => double.NaN, _ => 0 };
        if (value != 0)
        {
            value = number[0] == '-' ? -value : value;
            return number.Length - plain.Length <= 1;
        }
        return double.TryParse(number.Replace("_", "", StringComparison.Ordinal),
            NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
            CultureInfo.InvariantCulture, out value);
    }

    /// <summary>repr(value): the shortest digits that read back, with an exponent below 1e-4 and from 1e16.</summary>
    public static string Repr(double value)
    {
        if (double.IsNaN(value))
            return "nan";
        if (double.IsInfinity(value))
            return value > 0 ? "inf" : "-inf";
        if (value == 0)
            return double.IsNegative(value) ? "-0.0" : "0.0";
        var parts = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture).Split('E');
        var point = parts[0].Contains('.') ? parts[0].IndexOf('.', StringComparison.Ordinal) : parts[0].Length;
        var all = parts[0].Replace(".", "", StringComparison.Ordinal);
        var digits = all.TrimStart('0').TrimEnd('0');
        var exponent = point - 1 - (all.Length - all.TrimStart('0').Length)
            + (parts.Length > 1 ? int.Parse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) : 0);
        var sign = value < 0 ? "-" : "";
        if (exponent is < -4 or >= 16)
        {
            var fraction = digits.Length > 1 ? "." + digits[1..] : "";
            return $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }
        if (exponent < 0)
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        return digits.Length <= exponent + 1 ? $"{sign}{digits.PadRight(exponent + 1, '0')}.0"
            : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    public static BigInteger Checked(BigInteger value) =>
        value.GetBitLength() <= MaximumBits ? value : throw TemplateError.Limit($"an integer of more than {MaximumBits} bits");

    /// <summary>The integer part of a float, as int(float) gives it.</summary>
    public static BigInteger Truncate(double value) =>
        double.IsNaN(value) ? throw TemplateError.Value("cannot convert float NaN to integer")
        : double.IsInfinity(value) ? throw new TemplateError("OverflowError", "cannot convert float infinity to integer")
        : new BigInteger(value);

    private static bool TryDigits(string digits, int radix, ref BigInteger value)
    {
        foreach (var c in digits)
        {
            var digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : 99;
            if (digit >= radix)
                return false;
            value = (value * radix) + digit;
        }
        return true;
    }
}
