namespace TransformerTorch.Text.Templates.Values;

/// <summary>Jinja's value for what is not there: prints as nothing, is false and empty,
/// and any use of it is an error with this message.</summary>
internal sealed class Undefined(string message)
{
    public string Kind { get; init; } = "UndefinedError";

    public static Undefined Variable(string name) => new($"{PythonText.Repr(name)} is undefined");

    public static Undefined Of(object? owner, object? name)
    {
        var type = owner is null ? "None" : $"{Python.QualifiedTypeName(owner)} object";
        return new Undefined(name is string ? $"'{type}' has no attribute {PythonText.Repr(name)}"
            : $"{type} has no element {PythonText.Repr(name)}");
    }

    public TemplateError Error() => new(Kind, message);
}

/// <summary>namespace(...): the one thing whose attributes a template may set.</summary>
internal sealed class Namespace(IEnumerable<(object? Key, object? Value)> items)
{
    public Dictionary<string, object?> Attributes { get; } =
        items.ToDictionary(item => (string)item.Key!, item => item.Value, StringComparer.Ordinal);
}

/// <summary>What a call was given.</summary>
internal sealed record Arguments(IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named)
{
    private static readonly Dictionary<string, object?> _none = [];

    public static Arguments Of(params IReadOnlyList<object?> positional) => new(positional, _none);

    public Arguments Before(object? first) => this with { Positional = [first, .. Positional] };

    public Arguments Skip(int count) => this with { Positional = [.. Positional.Skip(count)] };
}

/// <summary>Something that can be called: a global function, a method of a value, a macro, a loop.</summary>
internal abstract class Callable
{
    public abstract object? Invoke(Arguments arguments);
}

internal sealed class BoundFunction(Func<Arguments, object?> body) : Callable
{
    public override object? Invoke(Arguments arguments) => body(arguments);
}

/// <summary>An object whose attributes are looked up by name: loop, cycler.</summary>
internal interface IAttributes
{
    bool TryGet(string name, out object? value);
}
