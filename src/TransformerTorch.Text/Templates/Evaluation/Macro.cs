using System.Numerics;
using TransformerTorch.Text.Templates.Syntax;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Evaluation;

/// <summary>A macro with the scope that it was defined in.</summary>
internal sealed class Macro(MacroDefinition definition, Interpreter interpreter, Scope scope) : Callable, IAttributes
{
    private string Name => definition.Name is null ? "None" : PythonText.Repr(definition.Name);

    public override object? Invoke(Arguments arguments)
    {
        var parameters = definition.Parameters;
        var inner = new Scope(scope);
        if (arguments.Positional.Count > parameters.Length && !definition.TakesRest)
            throw TemplateError.Type($"macro {Name} takes not more than {parameters.Length} argument(s)");
        var named = new Dictionary<string, object?>(arguments.Named, StringComparer.Ordinal);
        for (var i = 0; i < parameters.Length; i++)
        {
            var name = parameters[i].Name;
            if (i < arguments.Positional.Count)
                inner[name] = arguments.Positional[i];
            else if (named.Remove(name, out var given))
                inner[name] = given;
            else
                inner[name] = parameters[i].Default is { } value ? interpreter.Evaluate(value, inner)
                    : new Undefined($"parameter {PythonText.Repr(name)} was not provided");
        }
        if (definition.TakesCaller && !parameters.Any(parameter => parameter.Name == "caller"))
            inner["caller"] = named.Remove("caller", out var caller) ? caller : new Undefined("No caller defined");
        if (definition.TakesRest)
            inner["varargs"] = PythonSequence.Tuple(arguments.Positional.Skip(parameters.Length));
        if (definition.TakesNamedRest)
            inner["kwargs"] = new PythonDict(named.Select(item => ((object?)item.Key, item.Value)));
        else if (named.Count > 0)
            throw TemplateError.Type($"macro {Name} takes no keyword argument {PythonText.Repr(named.Keys.First())}");
        return interpreter.Capture(definition.Body, inner);
    }

    public bool TryGet(string name, out object? value)
    {
        value = name switch
        {
            "name" => definition.Name,
            "arguments" => PythonSequence.Tuple(definition.Parameters.Select(parameter => parameter.Name)),
            "catch_kwargs" => Python.Bool(definition.TakesNamedRest),
            "catch_varargs" => Python.Bool(definition.TakesRest),
            "caller" => Python.Bool(definition.TakesCaller),
            _ => null,
        };
        return value is not null || name == "name";
    }

    public override string ToString() => $"<Macro {(definition.Name is null ? "anonymous" : Name)}>";
}
