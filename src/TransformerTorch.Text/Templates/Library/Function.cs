using TransformerTorch.Text.Templates.Evaluation;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Library;

/// <summary>A filter, test, method or global: its parameters (the value it is applied to first) and what it does with them.</summary>
internal sealed class Function
{
    /// <summary>The default of a parameter that has none.</summary>
    public static readonly object Required = new();

    private readonly Func<Interpreter, object?[], object?>? _body;
    private readonly Func<Interpreter, Arguments, object?>? _variadic;
    private readonly (string Name, object? Default)[] _parameters = [];

    /// <summary>The value it is applied to is taken, and these parameters after it.</summary>
    public Function(Func<Interpreter, object?[], object?> body, params (string Name, object? Default)[] parameters) =>
        (_body, _parameters) = (body, [("value", Required), .. parameters]);

    public Function(Func<Interpreter, Arguments, object?> variadic) => _variadic = variadic;

    public object? Invoke(string name, Interpreter interpreter, Arguments arguments) =>
        _body is null ? _variadic!(interpreter, arguments) : _body(interpreter, Bind(name, arguments));

    private object?[] Bind(string name, Arguments arguments)
    {
        if (arguments.Positional.Count > _parameters.Length)
            throw TemplateError.Type($"{name}() takes at most {_parameters.Length - 1} arguments ({arguments.Positional.Count - 1} given)");
        var values = Array.ConvertAll(_parameters, parameter => parameter.Default);
        for (var i = 0; i < arguments.Positional.Count; i++)
            values[i] = arguments.Positional[i];
        foreach (var (key, value) in arguments.Named)
        {
            var at = Array.FindIndex(_parameters, parameter => parameter.Name == key);
            if (at < 0)
                throw TemplateError.Type($"{name}() got an unexpected keyword argument '{key}'");
            values[at] = at >= arguments.Positional.Count ? value
                : throw TemplateError.Type($"{name}() got multiple values for argument '{key}'");
        }
        var missing = Array.IndexOf(values, Required);
        return missing < 0 ? values
            : throw TemplateError.Type($"{name}() missing 1 required positional argument: '{_parameters[missing].Name}'");
    }
}
