using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Library;

/// <summary>The methods of values that read; those that would change a list or a dict are refused, as the immutable sandbox does.</summary>
internal static class Methods
{
    private static readonly (string, object?) _value = ("value", Function.Required);

    private static readonly Dictionary<string, Function> _dict = new(StringComparer.Ordinal)
    {
        ["get"] = new((_, a) => ((PythonDict)a[0]!).TryGet(a[1], out var value) ? value : a[2],
            ("key", Function.Required), ("default", null)),
        ["items"] = new((_, a) => new DictView("dict_items", (PythonDict)a[0]!, ((PythonDict)a[0]!).Tuples)),
        ["keys"] = new((_, a) => new DictView("dict_keys", (PythonDict)a[0]!, ((PythonDict)a[0]!).Keys)),
        ["values"] = new((_, a) => new DictView("dict_values", (PythonDict)a[0]!, ((PythonDict)a[0]!).Values)),
        ["copy"] = new((_, a) => a[0]),
        ["fromkeys"] = new((_, a) => new PythonDict(Python.Iterate(a[1]).Select(key => (key, a[2]))),
            ("iterable", Function.Required), ("default", null)),
    };

    private static readonly Dictionary<string, Function> _sequence = new(StringComparer.Ordinal)
    {
        ["count"] = new((_, a) => Python.Int(((PythonSequence)a[0]!).Items.Count(item => Equality.AreEqual(item, a[1]))), _value),
        ["index"] = new((_, a) => Python.Int(IndexOf((PythonSequence)a[0]!, a[1])), _value),
        ["copy"] = new((_, a) => a[0]),
    };

    private static readonly Dictionary<string, Function> _number = new(StringComparer.Ordinal)
    {
        ["bit_length"] = new((_, a) => Python.Int((long)System.Numerics.BigInteger.Abs(Python.Integer(a[0])).GetBitLength())),
        ["is_integer"] = new((_, a) => Python.Bool(a[0] is not double number || Math.Floor(number) == number)),
    };

    private static readonly HashSet<string> _listChanges = ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"];
    private static readonly HashSet<string> _dictChanges = ["clear", "pop", "popitem", "setdefault", "update"];

    public static bool Has(object? value, string name) => Table(value)?.ContainsKey(name) == true || IsChange(value, name);

    /// <summary>The method of a value, an undefined that refuses to be called where it would change the value, or null.</summary>
    public static object? Find(object? value, string name)
    {
        if (IsChange(value, name))
            return new Undefined($"access to attribute '{name}' of '{Python.TypeName(value)}' object is unsafe.")
            {
                Kind = "SecurityError",
            };
        return Table(value) is { } table && table.TryGetValue(name, out var function) ? new Method(value, name, function) : null;
    }

    private static bool IsChange(object? value, string name) =>
        (value is PythonSequence { IsTuple: false } && _listChanges.Contains(name)) || (value is PythonDict && _dictChanges.Contains(name));

    private static Dictionary<string, Function>? Table(object? value) => value switch
    {
        string => TextMethods.All,
        PythonDict => _dict,
        PythonSequence => _sequence,
        System.Numerics.BigInteger or bool or double => _number,
        _ => null,
    };

    private static int IndexOf(PythonSequence sequence, object? value)
    {
        var at = sequence.Items.TakeWhile(item => !Equality.AreEqual(item, value)).Count();
        return at < sequence.Items.Count ? at
            : throw TemplateError.Value($"{PythonText.Repr(value)} is not in {Python.TypeName(sequence)}");
    }
}

/// <summary>A method taken from its value, to be called by the interpreter.</summary>
internal sealed class Method(object? value, string name, Function function)
{
    public object? Invoke(Evaluation.Interpreter interpreter, Arguments arguments) =>
        function.Invoke(name, interpreter, arguments.Before(value));

    public override string ToString() => $"<built-in method {name} of {Python.TypeName(value)} object>";
}
