using System.Runtime.CompilerServices;
using TransformerTorch.Text.Templates.Library;
using TransformerTorch.Text.Templates.Syntax;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Evaluation;

/// <summary>Runs a template once, within its limits. This part: limits, names, calls; the others: statements and expressions.</summary>
internal sealed partial class Interpreter(TemplateLimits limits, DateTimeOffset now)
{
    private readonly Output _output = new(limits.OutputLength);
    private readonly List<Range> _generations = [];
    private Scope _scope = new(null);
    private long _steps;
    private int _depth;

    public RenderedChat Render(Statement[] template, Dictionary<string, object?> variables)
    {
        foreach (var (name, value) in Globals.All(this, now).Concat(variables))
            _scope[name] = value;
        _scope = new Scope(_scope);
        Run(template);
        return new RenderedChat(_output.Text, _generations);
    }

    /// <summary>The value of an expression in another scope than the present one.</summary>
    public object? Evaluate(Expression expression, Scope scope) => Within(scope, () => Evaluate(expression));

    /// <summary>What statements print, run in a scope of their own.</summary>
    public string Capture(Statement[] body, Scope scope) => Within(scope, () => _output.Capture(() => RunWhole(body)));

    /// <summary>The items of a value, each a step.</summary>
    public IEnumerable<object?> Iterate(object? value)
    {
        foreach (var item in Python.Iterate(value))
        {
            Step(1);
            yield return item;
        }
    }

    public object? Filter(string name, Arguments arguments) => Filters.All.TryGetValue(name, out var filter)
        ? filter.Invoke(name, this, Weighed(arguments))
        : throw new TemplateError("TemplateAssertionError", $"No filter named {PythonText.Repr(name)}.");

    public object? Test(string name, Arguments arguments) => Tests.All.TryGetValue(name, out var test)
        ? test.Invoke(name, this, Weighed(arguments))
        : throw new TemplateError("TemplateAssertionError", $"No test named {PythonText.Repr(name)}.");

    public object? Call(object? target, Arguments arguments) => target switch
    {
        Undefined undefined => throw undefined.Error(),
        Method method => method.Invoke(this, Weighed(arguments)),
        Callable callable => callable.Invoke(Weighed(arguments)),
        _ => throw TemplateError.Type($"'{Python.TypeName(target)}' object is not callable"),
    };

    // Work on a value grows with its weight, so a step is also some hundred characters or items.
    private Arguments Weighed(Arguments arguments)
    {
        foreach (var argument in arguments.Positional)
            Step(Composite.WeightOf(argument) / 256);
        return arguments;
    }

    private void Step(long count)
    {
        _steps += count;
        if (_steps > limits.Steps)
            throw TemplateError.Limit($"more than {limits.Steps} steps");
    }

    private void Enter()
    {
        Step(1);
        if (++_depth > limits.Depth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw TemplateError.Limit($"more than {limits.Depth} calls and expressions within each other");
    }

    private T Within<T>(Scope scope, Func<T> action)
    {
        var outer = _scope;
        _scope = scope;
        try
        {
            return action();
        }
        finally
        {
            _scope = outer;
        }
    }
}
