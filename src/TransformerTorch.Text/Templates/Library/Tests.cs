using System.Numerics;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Library;

/// <summary>What may follow `is`.</summary>
internal static class Tests
{
    private static readonly (string, object?) _other = ("other", Function.Required);

    public static readonly Dictionary<string, Function> All = new(StringComparer.Ordinal)
    {
        ["defined"] = Of(value => value is not Undefined),
        ["undefined"] = Of(value => value is Undefined),
        ["none"] = Of(value => value is null),
        ["true"] = Of(value => value is true),
        ["false"] = Of(value => value is false),
        ["boolean"] = Of(value => value is bool),
        ["integer"] = Of(value => value is BigInteger),
        ["float"] = Of(value => value is double),
        ["number"] = Of(value => value is BigInteger or double or bool),
        ["string"] = Of(value => value is string),
        ["mapping"] = Of(value => value is PythonDict),
        ["sequence"] = Of(value => value is string or PythonSequence or PythonDict or PythonRange or Undefined),
        ["iterable"] = Of(value => Python.TryIterate(value) is not null),
        ["callable"] = Of(value => value is Callable or Method or Undefined),
        ["escaped"] = Of(_ => false),
        ["odd"] = Of(value => Remainder(value, 2) is "1" or "1.0"),
        ["even"] = Of(value => Remainder(value, 2) is "0" or "0.0"),
        ["lower"] = Of(value => IsCase(PythonText.Of(value), isUpper: false)),
        ["upper"] = Of(value => IsCase(PythonText.Of(value), isUpper: true)),
        ["filter"] = Of(value => value is string name && Filters.All.ContainsKey(name)),
        ["test"] = Of(value => value is string name && All!.ContainsKey(name)),
        ["divisibleby"] = new((_, a) => Python.Bool(Remainder(a[0], a[1]) is "0" or "0.0"), ("num", Function.Required)),
        ["sameas"] = With(IsSame),
        ["in"] = With((item, container) => Equality.Contains(container, item)),
        ["eq"] = With(Equality.AreEqual),
        ["ne"] = With((a, b) => !Equality.AreEqual(a, b)),
        ["lt"] = With((a, b) => Equality.Compare(a, b) < 0),
        ["le"] = With((a, b) => Equality.Compare(a, b, "<=") <= 0),
        ["gt"] = With((a, b) => Equality.Compare(a, b, ">") == 1),
        ["ge"] = With((a, b) => Equality.Compare(a, b, ">=") is 0 or 1),
    };

    static Tests()
    {
        foreach (var (alias, name) in new[]
        {
            ("==", "eq"), ("equalto", "eq"), ("!=", "ne"), ("<", "lt"), ("lessthan", "lt"), ("<=", "le"), (">", "gt"),
            ("greaterthan", "gt"), (">=", "ge"),
        })
        {
            All[alias] = All[name];
        }
    }

    public static bool IsCase(string text, bool isUpper) =>
        (isUpper ? Strings.Upper(text) == text : Strings.Lower(text) == text) && Strings.Lower(text) != Strings.Upper(text);

    private static Function Of(Func<object?, bool> test) => new((_, a) => Python.Bool(test(a[0])));

    private static Function With(Func<object?, object?, bool> test) => new((_, a) => Python.Bool(test(a[0], a[1])), _other);

    private static string Remainder(object? value, object? divisor) =>
        PythonText.Repr(Arithmetic.Apply("%", value is string
            ? throw TemplateError.Type("not all arguments converted during string formatting") : value,
            divisor is int number ? (BigInteger)number : divisor));

    private static bool IsSame(object? a, object? b) =>
        (a, b) switch
        {
            (null, null) => true,
            (bool x, bool y) => x == y,
            (string x, string y) => x == y,
            (BigInteger x, BigInteger y) => x == y,
            _ => ReferenceEquals(a, b),
        };
}
