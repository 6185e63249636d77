using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Numerics;
using System.Reflection;
using System.Text.Json.Nodes;

namespace TransformerTorch.Configuration;

/// <summary>A scalar to a value of the type that is asked for, or the reason why not.</summary>
internal static class Scalars
{
    public static object? Read(Scalar scalar, Type type, out string problem)
    {
        problem = $"expected {Shape.Expected(type)}, found {Found(scalar)}{Remedy(scalar, type)}";
        if (type == typeof(string)) return scalar.Plain && CoreSchema.IsTyped(scalar.Text) ? null : scalar.Text;
        if (type.IsEnum) return Enum(scalar, type, ref problem);
        if (type == typeof(bool)) return scalar.Plain ? CoreSchema.Bool(scalar.Text) : null;
        if (Shape.IsWhole(type)) return scalar.Plain ? Whole(scalar.Text, type, ref problem) : null;
        if (Shape.IsReal(type)) return scalar.Plain ? Real(scalar.Text, type, ref problem) : null;
        if (Shape.IsParsable(type)) return Parsed(scalar.Text, type, ref problem);
        throw new InvalidOperationException($"A configuration cannot hold a {type}.");
    }

    private static object? Whole(string text, Type type, ref string problem)
    {
        if (CoreSchema.Integer(text) is not { } value) return null;
        var (min, max) = (Limit(type, "MinValue"), Limit(type, "MaxValue"));
        if (value >= min && value <= max) return Convert.ChangeType(decimal.Parse(value.ToString(), CultureInfo.InvariantCulture), type);
        problem = $"{text} is out of range: a whole number from {min} to {max} fits here";
        return null;

        static BigInteger Limit(Type type, string name) => BigInteger.Parse(type.GetField(name)!.GetValue(null)!.ToString()!);
    }

    private static object? Real(string text, Type type, ref string problem)
    {
        if (CoreSchema.Float(text) is not { } value) return null;
        if (!double.IsNaN(value) && (!double.IsInfinity(value) || text.Contains("inf", StringComparison.OrdinalIgnoreCase)))
            return Convert.ChangeType(value, type);
        problem = $"expected a number, found `{text}`, which is none";
        return null;
    }

    private static object? Enum(Scalar scalar, Type type, ref string problem)
    {
        var names = Shape.EnumNames(type);
        if (names.TryGetValue(scalar.Text, out var value)) return value;
        if (Suggestion.For(scalar.Text, names.Keys) is { } near) problem += $"; did you mean `{near}`?";
        return null;
    }

    private static object? Parsed(string text, Type type, ref string problem)
    {
        try
        {
            return type.GetMethod("Parse", BindingFlags.Public | BindingFlags.Static, [typeof(string), typeof(IFormatProvider)])!
                .Invoke(null, [text, CultureInfo.InvariantCulture]);
        }
        catch (TargetInvocationException e) when (e.InnerException is FormatException or OverflowException)
        {
            problem = $"`{text}`: {e.InnerException.Message}";
            return null;
        }
    }

    /// <summary>A scalar as JSON, by the core schema; returns what is wrong with it, or null.</summary>
    public static string? Json(Scalar scalar, out JsonNode? json)
    {
        var text = scalar.Text;
        json = !scalar.Plain ? JsonValue.Create(text)
            : scalar.IsNull ? null
            : CoreSchema.Bool(text) is { } truth ? JsonValue.Create(truth)
            // Parsed, so that it may be read as any number type that it fits.
            : CoreSchema.Integer(text) is { } whole ? JsonNode.Parse(whole.ToString())
            : CoreSchema.Float(text) is { } real && double.IsFinite(real) ? JsonNode.Parse(CoreSchema.Write(real))
            : JsonValue.Create(text);
        return scalar.Plain && CoreSchema.HasLeadingZero(text) ? $"found {Found(scalar)}{Remedy(scalar, typeof(double))}" : null;
    }

    public static string Found(Node node) => node switch
    {
        Scalar { IsNull: true } => "nothing",
        Scalar { Plain: true } scalar => $"`{scalar.Text}`",
        Scalar scalar => $"the text \"{(scalar.Text.Length > 60 ? scalar.Text[..60] + "..." : scalar.Text)}\"",
        Sequence => "a list",
        _ => "a section",
    };

    private static string Remedy(Scalar scalar, Type type)
    {
        var text = scalar.Text;
        var number = Shape.IsWhole(type) || Shape.IsReal(type);
        if (type == typeof(string)) return $"; for text, put it in quotes: \"{text}\"";
        var unquoted = number ? CoreSchema.Float(text) is not null : type == typeof(bool) && CoreSchema.Bool(text) is not null;
        if (!scalar.Plain) return unquoted ? "; remove the quotes" : "";
        if (type == typeof(bool)) return text.ToLowerInvariant() switch
        {
            "yes" or "on" or "y" or "1" => "; write `true`",
            "no" or "off" or "n" or "0" => "; write `false`",
            _ => "",
        };
        if (number && CoreSchema.HasLeadingZero(text))
        {
            var digits = text.TrimStart('+', '-').TrimStart('0').PadLeft(1, '0');
            var sign = text[0] == '-' ? "-" : "";
            return $"; a leading zero means octal to some readers: write `{sign}{digits}`, or `0o{digits}` for octal";
        }
        var plain = text.Replace("_", "", StringComparison.Ordinal);
        if (number && plain != text && CoreSchema.Float(plain) is not null) return $"; write `{plain}`";
        var whole = Shape.IsWhole(type) && CoreSchema.Float(text) is { } value && value == Math.Floor(value) && Math.Abs(value) < 1e15;
        return whole ? $"; write `{CoreSchema.Float(text):F0}`" : "";
    }

    /// <summary>A value as a person would write it.</summary>
    public static string Write(object? value) => value switch
    {
        double number => CoreSchema.Write(number),
        float number => CoreSchema.Write(double.Parse(number.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)),
        bool truth => truth ? "true" : "false",
        System.Enum name => Shape.EnumNames(name.GetType()).First(item => item.Value.Equals(name)).Key,
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value?.ToString() ?? "null",
    };

    /// <summary>The interval of a [Range] in words.</summary>
    public static string Interval(RangeAttribute range)
    {
        var (min, max) = (Convert.ToDouble(range.Minimum), Convert.ToDouble(range.Maximum));
        var low = range.MinimumIsExclusive ? $"more than {CoreSchema.Write(min)}" : $"at least {CoreSchema.Write(min)}";
        var high = range.MaximumIsExclusive ? $"less than {CoreSchema.Write(max)}" : $"at most {CoreSchema.Write(max)}";
        var (hasLow, hasHigh) = (min > -1e9, max < 1e9);
        return hasLow && hasHigh ? $"{low} and {high}" : hasLow ? low : high;
    }
}
