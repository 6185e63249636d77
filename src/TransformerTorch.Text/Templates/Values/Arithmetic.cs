using System.Numerics;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>Python's binary and unary operators.</summary>
internal static class Arithmetic
{
    public static object? Apply(string operation, object? left, object? right)
    {
        if ((left as Undefined ?? right as Undefined) is { } undefined && !(operation == "%" && left is string))
            throw undefined.Error();
        return (operation, left, right) switch
        {
            ("%", string format, _) => PercentFormat.Format(format, right),
            ("+", string a, string b) => Strings.Checked(a.Length + (long)b.Length, () => a + b),
            ("+", PythonSequence a, PythonSequence b) when a.IsTuple == b.IsTuple => new PythonSequence(a.Items.Concat(b.Items), a.IsTuple),
            ("*", string or PythonSequence, _) when PythonNumber.AsInteger(right) is { } count => Repeat(left, count),
            ("*", _, string or PythonSequence) when PythonNumber.AsInteger(left) is { } count => Repeat(right, count),
            _ when PythonNumber.AsInteger(left) is { } a && PythonNumber.AsInteger(right) is { } b => Integers(operation, a, b),
            _ when PythonNumber.AsDouble(left) is { } a && PythonNumber.AsDouble(right) is { } b => Doubles(operation, a, b),
            ("+", string, _) => throw TemplateError.Type($"can only concatenate str (not \"{Python.TypeName(right)}\") to str"),
            ("+", PythonSequence, _) =>
                throw TemplateError.Type(
                    $"can only concatenate {Python.TypeName(left)} (not \"{Python.TypeName(right)}\") to {Python.TypeName(left)}"),
            _ => throw TemplateError.Type($"unsupported operand type(s) for {(operation == "**" ? "** or pow()" : operation)}: "
                + $"'{Python.TypeName(left)}' and '{Python.TypeName(right)}'"),
        };
    }

    public static object Sign(bool isNegative, object? value) => value switch
    {
        Undefined undefined => throw undefined.Error(),
        double number => isNegative ? -number : number,
        _ when PythonNumber.AsInteger(value) is { } number => isNegative ? -number : number,
        _ => throw TemplateError.Type($"bad operand type for unary {(isNegative ? '-' : '+')}: '{Python.TypeName(value)}'"),
    };

    private static object Repeat(object? value, BigInteger count)
    {
        count = BigInteger.Max(count, 0);
        if (count * Composite.WeightOf(value) > Composite.MaximumWeight)
            throw TemplateError.Limit($"a value of more than {Composite.MaximumWeight} characters and items");
        return value is string text ? string.Concat(Enumerable.Repeat(text, (int)count))
            : new PythonSequence(
                Enumerable.Repeat(((PythonSequence)value!).Items, (int)count).SelectMany(items => items),
                ((PythonSequence)value).IsTuple);
    }

    private static object Integers(string operation, BigInteger a, BigInteger b)
    {
        if (b.IsZero && operation is ("/" or "//" or "%"))
            throw new TemplateError("ZeroDivisionError", operation == "/" ? "division by zero" : "integer division or modulo by zero");
        return operation switch
        {
            "+" => PythonNumber.Checked(a + b),
            "-" => PythonNumber.Checked(a - b),
            "*" => PythonNumber.Checked(a * b),
            "/" => (double)a / (double)b,
            "//" => Floor(a, b),
            "%" => a - (Floor(a, b) * b),
            "**" when b.Sign < 0 => a.IsZero ? throw new TemplateError("ZeroDivisionError", "zero to a negative power")
                : Math.Pow((double)a, (double)b),
            "**" => Power(a, b),
            _ => throw new InvalidOperationException(operation),
        };
    }

    private static BigInteger Floor(BigInteger a, BigInteger b)
    {
        var quotient = BigInteger.DivRem(a, b, out var remainder);
        return !remainder.IsZero && (remainder.Sign < 0) != (b.Sign < 0) ? quotient - 1 : quotient;
    }

    private static BigInteger Power(BigInteger a, BigInteger b)
    {
        var bits = BigInteger.Abs(a).GetBitLength();
        if (bits > 1 && b * (bits - 1) > PythonNumber.MaximumBits)
            throw TemplateError.Limit($"an integer of more than {PythonNumber.MaximumBits} bits");
        return bits > 1 ? BigInteger.Pow(a, (int)b) : a.Sign < 0 && b.IsEven || b.IsZero ? 1 : a;
    }

    private static double Doubles(string operation, double a, double b)
    {
        if (b == 0 && operation is ("/" or "//" or "%"))
            throw new TemplateError("ZeroDivisionError", "division by zero");
        return operation switch
        {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            "//" => Math.Floor((a - Modulo(a, b)) / b + 0.5),
            "%" => Modulo(a, b),
            "**" => Math.Pow(a, b),
            _ => throw new InvalidOperationException(operation),
        };
    }

    private static double Modulo(double a, double b)
    {
        var remainder = a % b;
        return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder == 0 ? Math.CopySign(0, b) : remainder;
    }
}
