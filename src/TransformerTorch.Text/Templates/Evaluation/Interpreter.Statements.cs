using TransformerTorch.Text.Templates.Syntax;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Evaluation;

internal sealed partial class Interpreter
{
    /// <summary>How a list of statements ended.</summary>
    private enum Flow
    {
        Through, Break, Continue,
    }

    private Flow Run(Statement[] body)
    {
        foreach (var statement in body)
        {
            if (Run(statement) is not Flow.Through and var flow)
                return flow;
        }
        return Flow.Through;
    }

    /// <summary>A body that break and continue cannot leave: a macro's, a set block's.</summary>
    private void RunWhole(Statement[] body)
    {
        if (Run(body) != Flow.Through)
            throw new TemplateError("TemplateSyntaxError", "break and continue cannot leave this block");
    }

    private Flow Run(Statement statement)
    {
        Enter();
        try
        {
            switch (statement)
            {
                case TextOutput text: _output.Write(text.Text); break;
                case ValueOutput output: _output.Write(Printed(Evaluate(output.Value))); break;
                case If branches: return Run(branches);
                case For loop: Loop(loop, Evaluate(loop.Iterable), depth: 1); break;
                case Set set: Assign(set.Target, Evaluate(set.Value)); break;
                case SetBlock set: Assign(set.Target, Filtered(set.Filter, Capture(set.Body, new Scope(_scope)))); break;
                case MacroDefinition macro: _scope[macro.Name!] = new Macro(macro, this, _scope); break;
                case CallBlock block: _output.Write(Printed(Call(block))); break;
                case FilterBlock block: _output.Write(Printed(Filtered(block.Filter, Capture(block.Body, new Scope(_scope))))); break;
                case With with: return Run(with);
                case Generation generation: Generate(generation); break;
                case Break: return Flow.Break;
                case Continue: return Flow.Continue;
                default: throw new InvalidOperationException(statement.GetType().Name);
            }
            return Flow.Through;
        }
        catch (TemplateError error) when (error.PassesLine(statement.Line))
        {
            throw;
        }
        finally
        {
            _depth--;
        }
    }

    private string Printed(object? value)
    {
        Step(Composite.WeightOf(value) / 256);
        return PythonText.Of(value);
    }

    private Flow Run(If branches)
    {
        foreach (var (test, body) in branches.Branches)
        {
            if (Python.IsTrue(Evaluate(test)))
                return Run(body);
        }
        return Run(branches.Else);
    }

    private Flow Run(With with)
    {
        var inner = new Scope(_scope);
        var values = Array.ConvertAll(with.Bindings, binding => Evaluate(binding.Value));
        return Within(inner, () =>
        {
            for (var i = 0; i < values.Length; i++)
                Assign(with.Bindings[i].Target, values[i]);
            return Run(with.Body);
        });
    }

    private void Loop(For loop, object? iterable, int depth)
    {
        var items = new List<object?>();
        foreach (var item in Iterate(iterable))
        {
            if (loop.Test is null || Python.IsTrue(Evaluate(loop.Test, Bound(loop.Target, item))))
                items.Add(item);
        }
        string Recurse(object? inner) => _output.Capture(() => Loop(loop, inner, depth + 1));
        var context = new LoopContext(items, depth, loop.IsRecursive ? Recurse : null);
        for (; context.Index < items.Count; context.Index++)
        {
            var scope = Bound(loop.Target, items[context.Index]);
            scope["loop"] = context;
            if (Within(scope, () => Run(loop.Body)) == Flow.Break)
                break;
        }
        if (items.Count == 0)
            Within(new Scope(_scope), () => Run(loop.Else));
    }

    private Scope Bound(Expression target, object? item)
    {
        var scope = new Scope(_scope);
        return Within(scope, () =>
        {
            Assign(target, item);
            return scope;
        });
    }

    private void Generate(Generation generation)
    {
        var start = _output.Length;
        var text = Capture(generation.Body, new Scope(_scope));
        _generations.Add(start..(start + text.Length));
        _output.Write(text);
    }

    private object? Call(CallBlock block)
    {
        var arguments = Arguments(block.Call.Arguments);
        var named = new Dictionary<string, object?>(arguments.Named, StringComparer.Ordinal)
        {
            ["caller"] = new Macro(block.Caller, this, _scope),
        };
        return Call(Evaluate(block.Call.Target), arguments with { Named = named });
    }

    private object? Filtered(Expression? filter, string text)
    {
        if (filter is not FilterCall call)
            return text;
        var value = Filtered(call.Target, text);
        return Filter(call.Filter, Arguments(call.Arguments).Before(value));
    }

    private void Assign(Expression target, object? value)
    {
        switch (target)
        {
            case Name name:
                _scope[name.Identifier] = value;
                break;
            case NamespaceAttribute attribute:
                var space = Lookup(attribute.Identifier) as Namespace
                    ?? throw new TemplateError("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
                space.Attributes[attribute.Attribute] = value;
                break;
            default:
                Unpack(((TupleLiteral)target).Items, value);
                break;
        }
    }

    private void Unpack(Expression[] targets, object? value)
    {
        var items = (Python.TryIterate(value) ?? throw TemplateError.Type($"cannot unpack non-iterable {Python.TypeName(value)} object"))
            .Take(targets.Length + 1).ToArray();
        if (items.Length != targets.Length)
            throw TemplateError.Value(items.Length > targets.Length ? $"too many values to unpack (expected {targets.Length})"
                : $"not enough values to unpack (expected {targets.Length}, got {items.Length})");
        for (var i = 0; i < items.Length; i++)
            Assign(targets[i], items[i]);
    }
}
