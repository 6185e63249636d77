using TransformerTorch.Text.Templates.Syntax;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Evaluation;

internal sealed partial class Interpreter
{
    private object? Evaluate(Expression expression)
    {
        Enter();
        try
        {
            return expression switch
            {
                Constant constant => constant.Value,
                Name name => Lookup(name.Identifier),
                ListLiteral list => PythonSequence.List(list.Items.Select(Evaluate)),
                TupleLiteral tuple => PythonSequence.Tuple(tuple.Items.Select(Evaluate)),
                DictLiteral dict => new PythonDict(dict.Pairs.Select(pair => (Evaluate(pair.Key), Evaluate(pair.Value)))),
                GetAttribute get => Access.Attribute(Evaluate(get.Target), get.Attribute),
                GetItem { Index: Slice slice } get =>
                    Access.Slice(Evaluate(get.Target), Optional(slice.Start), Optional(slice.Stop), Optional(slice.Step)),
                GetItem get => Access.Item(Evaluate(get.Target), Evaluate(get.Index)),
                Call call => Call(Evaluate(call.Target), Arguments(call.Arguments)),
                FilterCall filter => Filter(filter),
                TestCall test => Test(test.Test, Arguments(test.Arguments, Evaluate(test.Target))),
                Not not => Python.Bool(!Python.IsTrue(Evaluate(not.Operand))),
                Sign sign => Arithmetic.Sign(sign.IsNegative, Evaluate(sign.Operand)),
                Binary binary => Arithmetic.Apply(binary.Operator, Evaluate(binary.Left), Evaluate(binary.Right)),
                Logical logical => Evaluate(logical),
                Concatenation parts => Concatenate(parts.Parts),
                Comparison comparison => Compare(comparison),
                Conditional choice => Evaluate(choice),
                _ => throw new TemplateError("TemplateSyntaxError", "this cannot stand here"),
            };
        }
        catch (TemplateError error) when (error.PassesLine(expression.Line))
        {
            throw;
        }
        finally
        {
            _depth--;
        }
    }

    private object? Lookup(string name) => _scope.TryGet(name, out var value) ? value : Undefined.Variable(name);

    private object? Optional(Expression? expression) => expression is null ? null : Evaluate(expression);

    private object? Filter(FilterCall filter)
    {
        var value = Evaluate(filter.Target!);
        return Filter(filter.Filter, Arguments(filter.Arguments, value));
    }

    private object? Evaluate(Logical logical)
    {
        var left = Evaluate(logical.Left);
        return Python.IsTrue(left) == logical.IsAnd ? Evaluate(logical.Right) : left;
    }

    private object? Evaluate(Conditional choice)
    {
        if (Python.IsTrue(Evaluate(choice.Test)))
            return Evaluate(choice.Then);
        return choice.Else is not null ? Evaluate(choice.Else)
            : new Undefined($"the inline if-expression on line {choice.Line} evaluated to false and no else section was defined.");
    }

    private string Concatenate(Expression[] parts)
    {
        var (texts, length) = (new string[parts.Length], 0L);
        for (var i = 0; i < parts.Length; i++)
        {
            texts[i] = Printed(Evaluate(parts[i]));
            length += texts[i].Length;
        }
        Step(length / 256);
        return Strings.Checked(length, () => string.Concat(texts));
    }

    private object Compare(Comparison comparison)
    {
        var left = Evaluate(comparison.First);
        foreach (var (operation, operand) in comparison.Rest)
        {
            var right = Evaluate(operand);
            Step((Composite.WeightOf(left) + Composite.WeightOf(right)) / 256);
            var holds = operation switch
            {
                "==" => Equality.AreEqual(left, right),
                "!=" => !Equality.AreEqual(left, right),
                "in" => Equality.Contains(right, left),
                "not in" => !Equality.Contains(right, left),
                "<" => Equality.Compare(left, right, "<") < 0,
                "<=" => Equality.Compare(left, right, "<=") <= 0,
                ">" => Equality.Compare(left, right, ">") == 1,
                _ => Equality.Compare(left, right, ">=") is 0 or 1,
            };
            if (!holds)
                return Python.False;
            left = right;
        }
        return Python.True;
    }

    private Arguments Arguments(ArgumentList list, params object?[] first)
    {
        var positional = new List<object?>(first);
        positional.AddRange(list.Positional.Select(Evaluate));
        var named = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (name, value) in list.Named)
            named[name] = Evaluate(value);
        if (list.Rest is not null)
            positional.AddRange(Iterate(Evaluate(list.Rest)));
        if (list.NamedRest is not null)
        {
            var rest = Evaluate(list.NamedRest) as PythonDict ?? throw TemplateError.Type("argument after ** must be a mapping");
            foreach (var (key, value) in rest.Pairs)
                named[key as string ?? throw TemplateError.Type("keywords must be strings")] = value;
        }
        return new Arguments(positional, named);
    }
}
