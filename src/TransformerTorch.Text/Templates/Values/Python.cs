using System.Numerics;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>
/// Python's view of a value. None is null; bool, <see cref="BigInteger"/>, double and string stand for themselves; the rest are the
/// classes of this folder.
/// </summary>
internal static class Python
{
    public static object True { get; } = true;

    public static object False { get; } = false;

    public static object Bool(bool value) => value ? True : False;

    public static object Int(long value) => (BigInteger)value;

    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool truth => truth,
        BigInteger number => !number.IsZero,
        double number => number != 0,
        _ => Length(value) is not 0,
    };

    /// <summary>len(value), or null where Python has none.</summary>
    public static int? Length(object? value) => value switch
    {
        string text => Strings.Length(text),
        PythonSequence sequence => sequence.Items.Count,
        PythonDict dict => dict.Count,
        PythonRange range => range.Count,
        DictView view => view.Count,
        Undefined => 0,
        _ => null,
    };

    /// <summary>The items that a loop over the value would see, or null where it cannot be looped over.</summary>
    public static IEnumerable<object?>? TryIterate(object? value) => value switch
    {
        string text => Strings.Characters(text),
        PythonSequence sequence => sequence.Items,
        PythonDict dict => dict.Keys,
        IEnumerable<object?> items => items,
        Undefined => [],
        _ => null,
    };

    public static IEnumerable<object?> Iterate(object? value) =>
        TryIterate(value) ?? throw TemplateError.Type($"'{TypeName(value)}' object is not iterable");

    public static string TypeName(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        BigInteger => "int",
        double => "float",
        string => "str",
        PythonSequence sequence => sequence.IsTuple ? "tuple" : "list",
        PythonDict => "dict",
        PythonRange => "range",
        Generator => "generator",
        DictView view => view.Name,
        BoundFunction => "function",
        _ => value.GetType().Name,
    };

    public static string QualifiedTypeName(object? value) => value switch
    {
        Namespace => "jinja2.utils.Namespace",
        Evaluation.Macro => "jinja2.runtime.Macro",
        Evaluation.LoopContext => "jinja2.runtime.LoopContext",
        _ => TypeName(value),
    };

    /// <summary>An argument that must be an integer.</summary>
    public static BigInteger Integer(object? value) => value switch
    {
        BigInteger number => number,
        bool truth => truth ? 1 : 0,
        Undefined undefined => throw undefined.Error(),
        _ => throw TemplateError.Type($"'{TypeName(value)}' object cannot be interpreted as an integer"),
    };

    /// <summary>An integer argument, held within what a length or an index can be.</summary>
    public static int Index(object? value) => (int)BigInteger.Clamp(Integer(value), -int.MaxValue, int.MaxValue);
}
