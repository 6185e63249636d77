using System.Numerics;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>A value as a dict's key: 1, 1.0 and True are the same one.</summary>
internal readonly struct Key(object? value) : IEquatable<Key>
{
    private readonly int _hash = Equality.Hash(value);

    public object? Value { get; } = value;

    public bool Equals(Key other) => Equality.AreEqual(Value, other.Value);

    public override bool Equals(object? obj) => obj is Key other && Equals(other);

    public override int GetHashCode() => _hash;
}

/// <summary>Python's == and &lt; .</summary>
internal static class Equality
{
    public static bool AreEqual(object? left, object? right)
    {
        if (PythonNumber.TryCompare(left, right) is var order and not null)
            return order == 0;
        return (left, right) switch
        {
            (null, null) or (Undefined, Undefined) => true,
            (string a, string b) => a == b,
            (PythonSequence a, PythonSequence b) =>
                a.IsTuple == b.IsTuple && a.Items.Count == b.Items.Count
                && a.Items.Zip(b.Items).All(pair => AreEqual(pair.First, pair.Second)),
            (PythonDict a, PythonDict b) =>
                a.Count == b.Count && a.Pairs.All(pair => b.TryGet(pair.Key, out var value) && AreEqual(pair.Value, value)),
            (PythonRange a, PythonRange b) => a.SequenceEqual(b),
            _ => ReferenceEquals(left, right) && left is not double,
        };
    }

    public static int Hash(object? value) => value switch
    {
        null or Undefined => 0,
        string text => text.GetHashCode(StringComparison.Ordinal),
        bool truth => truth ? 1 : 0,
        BigInteger number when long.MinValue <= number && number <= long.MaxValue =>
            ((double)number).GetHashCode() is var hash && number.IsZero ? 0
            : number.IsOne ? 1 : hash,
        BigInteger number => ((double)number).GetHashCode(),
        double number => number == 0 ? 0 : number == 1 ? 1 : number.GetHashCode(),
        PythonSequence { IsTuple: true } tuple => tuple.Items.Aggregate(17, (hash, item) => HashCode.Combine(hash, Hash(item))),
        PythonSequence or PythonDict => throw TemplateError.Type($"unhashable type: '{Python.TypeName(value)}'"),
        _ => value.GetHashCode(),
    };

    /// <summary>Below zero where left comes first; what Python does not order is an error.</summary>
    public static int Compare(object? left, object? right, string operation = "<")
    {
        if ((left as Undefined ?? right as Undefined) is { } undefined)
            throw undefined.Error();
        if (PythonNumber.TryCompare(left, right) is { } order)
            return order;
        return (left, right) switch
        {
            (string a, string b) => Math.Sign(Strings.Compare(a, b)),
            (PythonSequence a, PythonSequence b) when a.IsTuple == b.IsTuple => Compare(a.Items, b.Items, operation),
            _ => throw TemplateError.Type(
                $"'{operation}' not supported between instances of '{Python.TypeName(left)}' and '{Python.TypeName(right)}'"),
        };
    }

    public static bool Contains(object? container, object? item) => (container, item) switch
    {
        (string text, string part) => text.Contains(part, StringComparison.Ordinal),
        (string, Undefined undefined) =>
            throw TemplateError.Type($"'in <string>' requires string as left operand, not {Python.TypeName(undefined)}"),
        (string, _) => throw TemplateError.Type($"'in <string>' requires string as left operand, not {Python.TypeName(item)}"),
        (PythonDict dict, _) => dict.Contains(item),
        (DictView { Name: "dict_keys" } view, _) => view.Dict.Contains(item),
        _ => (Python.TryIterate(container)
            ?? throw TemplateError.Type($"argument of type '{Python.TypeName(container)}' is not a container or iterable"))
            .Any(other => AreEqual(other, item)),
    };

    private static int Compare(IReadOnlyList<object?> left, IReadOnlyList<object?> right, string operation)
    {
        for (var i = 0; i < Math.Min(left.Count, right.Count); i++)
        {
            if (!AreEqual(left[i], right[i]))
                return Compare(left[i], right[i], operation);
        }
        return Math.Sign(left.Count.CompareTo(right.Count));
    }
}
