using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace TransformerTorch.Configuration;

/// <summary>
/// What plain scalars mean: the core schema of YAML 1.2.2 (section 10.3), without what older readers take differently.
/// <c>yes</c>, <c>on</c> and <c>1_000</c> are text; <c>010</c> is nothing, since it is 10 here and 8 in YAML 1.1.
/// </summary>
internal static partial class CoreSchema
{
    [GeneratedRegex(@"^[-+]?[0-9]+$")]
    private static partial Regex DecimalPattern { get; }

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")]
    private static partial Regex FloatPattern { get; }

    [GeneratedRegex(@"^[-+]?0[0-9]+$")]
    private static partial Regex LeadingZeroPattern { get; }

    public static bool HasLeadingZero(string text) => LeadingZeroPattern.IsMatch(text);

    public static bool? Bool(string text) => text switch
    {
        "true" or "True" or "TRUE" => true,
        "false" or "False" or "FALSE" => false,
        _ => null,
    };

    public static BigInteger? Integer(string text)
    {
        if (text.StartsWith("0x", StringComparison.Ordinal) && text.Length > 2 && text[2..].All(char.IsAsciiHexDigit))
            return BigInteger.Parse("0" + text[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        if (text.StartsWith("0o", StringComparison.Ordinal) && text.Length > 2 && text[2..].All(digit => digit is >= '0' and <= '7'))
            return text[2..].Aggregate(BigInteger.Zero, (value, digit) => value * 8 + (digit - '0'));
        return DecimalPattern.IsMatch(text) && !HasLeadingZero(text) ? BigInteger.Parse(text, CultureInfo.InvariantCulture) : null;
    }

    public static double? Float(string text) => text switch
    {
        ".inf" or ".Inf" or ".INF" or "+.inf" or "+.Inf" or "+.INF" => double.PositiveInfinity,
        "-.inf" or "-.Inf" or "-.INF" => double.NegativeInfinity,
        ".nan" or ".NaN" or ".NAN" => double.NaN,
        _ when FloatPattern.IsMatch(text) && !HasLeadingZero(text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
        _ => Integer(text) is { } whole ? (double)whole : null,
    };

    /// <summary>True when a reader takes the plain <paramref name="text"/> for something other than text.</summary>
    public static bool IsTyped(string text) =>
        text is "" or "~" or "null" or "Null" or "NULL" || HasLeadingZero(text) || Bool(text) is not null || Float(text) is not null;

    /// <summary>Shortest decimal that reads back as the same number.</summary>
    public static string Write(double value) => value switch
    {
        double.PositiveInfinity => ".inf",
        double.NegativeInfinity => "-.inf",
        double.NaN => ".nan",
        _ => value.ToString("R", CultureInfo.InvariantCulture).Replace("E", "e", StringComparison.Ordinal),
    };
}
