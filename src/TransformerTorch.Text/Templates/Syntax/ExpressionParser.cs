using System.Globalization;
using System.Numerics;

namespace TransformerTorch.Text.Templates.Syntax;

/// <summary>Expressions, by Jinja's precedence: if else, or, and, not, comparison, + -,
/// ~, * / // %, **, sign, postfix and filters.</summary>
internal sealed class ExpressionParser(TokenStream tokens)
{
    private static readonly string[] _comparisons = ["==", "!=", "<", "<=", ">", ">="];

    public Expression Parse()
    {
        using var nesting = tokens.Deeper();
        var line = tokens.Current.Line;
        var value = Or();
        while (TakeName("if"))
        {
            var test = Or();
            value = new Conditional(line, test, value, TakeName("else") ? Parse() : null);
        }
        return value;
    }

    /// <summary>One expression, or several with commas between, which make a tuple without parentheses.</summary>
    public Expression Tuple(bool hasConditional = true, string? end = null)
    {
        var line = tokens.Current.Line;
        return Items(hasConditional ? Parse : Or, end) switch
        {
            (var items, true) => new TupleLiteral(line, items),
            ([var item], _) => item,
            _ => throw TokenStream.Error($"Expected an expression, got '{tokens.Current}'", line),
        };
    }

    /// <summary>What is assigned to: a name, names with commas between, or an attribute of a namespace.</summary>
    public Expression Target(bool hasNamespace = false)
    {
        var line = tokens.Current.Line;
        Expression Single() => hasNamespace && tokens.Current.Kind == TokenKind.Name && tokens.Following.Is(TokenKind.Operator, ".")
            ? NamespaceTarget() : Primary();
        var (items, isTuple) = Items(Single, "in");
        var target = isTuple ? new TupleLiteral(line, items)
            : items.Length == 1 ? items[0] : throw TokenStream.Error($"Expected an expression, got '{tokens.Current}'", line);
        return IsTarget(target) ? target : throw TokenStream.Error("can't assign to this expression", line);
    }

    /// <summary>| filter | filter ...; inline: the first without its bar, as at the head of a filter block.</summary>
    public Expression? Filters(Expression? target, bool isInline)
    {
        while (isInline || TakeOperator("|"))
        {
            var name = DottedName();
            var arguments = IsOperator("(") ? Arguments() : ArgumentList.Empty;
            target = new FilterCall(name.Line, target, name.Text, arguments);
            isInline = false;
        }
        return target;
    }

    private NamespaceAttribute NamespaceTarget()
    {
        var name = tokens.Next();
        tokens.Next();
        return new NamespaceAttribute(name.Line, name.Text, tokens.Expect(TokenKind.Name).Text);
    }

    private static bool IsTarget(Expression target) =>
        target is Name or NamespaceAttribute || (target is TupleLiteral tuple && tuple.Items.All(IsTarget));

    private (Expression[] Items, bool IsTuple) Items(Func<Expression> parse, string? end)
    {
        var items = new List<Expression>();
        var isTuple = false;
        while (!(tokens.Current.Kind is TokenKind.OutputEnd or TokenKind.BlockEnd || IsOperator(")")
            || (end is not null && tokens.Current.Is(TokenKind.Name, end))))
        {
            items.Add(parse());
            if (!TakeOperator(","))
                break;
            isTuple = true;
        }
        return ([.. items], isTuple);
    }

    private Expression Or()
    {
        var left = And();
        while (TakeName("or"))
            left = new Logical(left.Line, IsAnd: false, left, And());
        return left;
    }

    private Expression And()
    {
        var left = NotExpression();
        while (TakeName("and"))
            left = new Logical(left.Line, IsAnd: true, left, NotExpression());
        return left;
    }

    private Expression NotExpression()
    {
        using var nesting = tokens.Deeper();
        var line = tokens.Current.Line;
        return TakeName("not") ? new Not(line, NotExpression()) : Compare();
    }

    private Expression Compare()
    {
        var first = Sum();
        var rest = new List<(string, Expression)>();
        while (true)
        {
            if (tokens.Current.Kind == TokenKind.Operator && _comparisons.Contains(tokens.Current.Text))
                rest.Add((tokens.Next().Text, Sum()));
            else if (TakeName("in"))
                rest.Add(("in", Sum()));
            else if (tokens.Current.Is(TokenKind.Name, "not") && tokens.Following.Is(TokenKind.Name, "in"))
                rest.Add(("not in", SkipTwo().Sum()));
            else
                return rest.Count == 0 ? first : new Comparison(first.Line, first, [.. rest]);
        }
    }

    private Expression Sum() => LeftToRight(Concatenate, "+", "-");

    private Expression Concatenate()
    {
        var parts = new List<Expression> { Product() };
        while (TakeOperator("~"))
            parts.Add(Product());
        return parts.Count == 1 ? parts[0] : new Concatenation(parts[0].Line, [.. parts]);
    }

    private Expression Product() => LeftToRight(Power, "*", "/", "//", "%");

    private Expression Power() => LeftToRight(() => Unary(hasFilters: true), "**");

    private Expression LeftToRight(Func<Expression> operand, params string[] operators)
    {
        var left = operand();
        while (tokens.Current.Kind == TokenKind.Operator && operators.Contains(tokens.Current.Text))
            left = new Binary(tokens.Current.Line, tokens.Next().Text, left, operand());
        return left;
    }

    private Expression Unary(bool hasFilters)
    {
        using var nesting = tokens.Deeper();
        var line = tokens.Current.Line;
        var value = TakeOperator("-") ? new Sign(line, IsNegative: true, Unary(hasFilters: false))
            : TakeOperator("+") ? new Sign(line, IsNegative: false, Unary(hasFilters: false))
            : Primary();
        value = Postfix(value);
        return hasFilters ? FiltersAndTests(value) : value;
    }

    private Expression Primary()
    {
        var token = tokens.Next();
        switch (token.Kind)
        {
            case TokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Constant(token.Line, true),
                    "false" or "False" => new Constant(token.Line, false),
                    "none" or "None" => new Constant(token.Line, null),
                    _ => new Name(token.Line, token.Text),
                };
            case TokenKind.String:
                var text = token.Text;
                while (tokens.Current.Kind == TokenKind.String)
                    text += tokens.Next().Text;
                return new Constant(token.Line, text);
            case TokenKind.Integer:
                return new Constant(token.Line, Number(token));
            case TokenKind.Float:
                return new Constant(token.Line, double.Parse(token.Text, CultureInfo.InvariantCulture));
            case TokenKind.Operator when token.Text == "(":
                return Parenthesis(token.Line);
            case TokenKind.Operator when token.Text == "[":
                return new ListLiteral(token.Line, Bracketed("]", Parse));
            case TokenKind.Operator when token.Text == "{":
                return Dict(token.Line);
            default:
                throw TokenStream.Error($"unexpected '{token}'", token.Line);
        }
    }

    private static BigInteger Number(TemplateToken token)
    {
        if (token.Text.Length > 4300)
            throw TokenStream.Error("an integer of more than 4300 digits", token.Line);
        return Values.PythonNumber.TryInteger(token.Text, 0, out var value) ? value : throw TokenStream.Error("not a number", token.Line);
    }

    private Expression Parenthesis(int line)
    {
        var (items, isTuple) = Items(Parse, null);
        tokens.Expect(TokenKind.Operator, ")");
        return isTuple || items.Length == 0 ? new TupleLiteral(line, items) : items[0];
    }

    private DictLiteral Dict(int line)
    {
        (Expression, Expression) Pair()
        {
            var key = Parse();
            tokens.Expect(TokenKind.Operator, ":");
            return (key, Parse());
        }
        return new DictLiteral(line, Bracketed("}", Pair));
    }

    private T[] Bracketed<T>(string close, Func<T> item)
    {
        var items = new List<T>();
        while (!TakeOperator(close))
        {
            if (items.Count > 0)
            {
                tokens.Expect(TokenKind.Operator, ",");
                if (TakeOperator(close))
                    break;
            }
            items.Add(item());
        }
        return [.. items];
    }

    private Expression Postfix(Expression value)
    {
        while (true)
        {
            var line = tokens.Current.Line;
            if (TakeOperator("."))
                value = Attribute(value, line);
            else if (TakeOperator("["))
                value = Subscript(value, line);
            else if (IsOperator("("))
                value = new Call(line, value, Arguments());
            else
                return value;
        }
    }

    private Expression Attribute(Expression target, int line)
    {
        var token = tokens.Next();
        return token.Kind switch
        {
            TokenKind.Name => new GetAttribute(line, target, token.Text),
            TokenKind.Integer => new GetItem(line, target, new Constant(line, Number(token))),
            _ => throw TokenStream.Error("expected name or number", token.Line),
        };
    }

    private GetItem Subscript(Expression target, int line)
    {
        var items = Bracketed("]", Subscribed);
        return new GetItem(line, target, items.Length == 1 ? items[0] : new TupleLiteral(line, items));
    }

    private Expression Subscribed()
    {
        var line = tokens.Current.Line;
        Expression? Part() => IsOperator(":") || IsOperator("]") || IsOperator(",") ? null : Parse();
        var start = Part();
        if (start is not null && !IsOperator(":"))
            return start;
        tokens.Expect(TokenKind.Operator, ":");
        var stop = Part();
        return new Slice(line, start, stop, TakeOperator(":") ? Part() : null);
    }

    private Expression FiltersAndTests(Expression value)
    {
        while (true)
        {
            var line = tokens.Current.Line;
            if (IsOperator("|"))
                value = Filters(value, isInline: false)!;
            else if (TakeName("is"))
                value = Test(value, line);
            else if (IsOperator("("))
                value = new Call(line, value, Arguments());
            else
                return value;
        }
    }

    private Expression Test(Expression value, int line)
    {
        var isNegated = TakeName("not");
        var name = DottedName();
        var arguments = ArgumentList.Empty;
        if (IsOperator("("))
            arguments = Arguments();
        else if (IsTestArgument())
            arguments = ArgumentList.Empty with { Positional = [Postfix(Primary())] };
        var test = new TestCall(line, value, name.Text, arguments);
        return isNegated ? new Not(line, test) : test;
    }

    private bool IsTestArgument() => tokens.Current switch
    {
        { Kind: TokenKind.Name, Text: "else" or "or" or "and" } => false,
        { Kind: TokenKind.Name, Text: "is" } token => throw TokenStream.Error("You cannot chain multiple tests with is", token.Line),
        { Kind: TokenKind.Name or TokenKind.String or TokenKind.Integer or TokenKind.Float } => true,
        { Kind: TokenKind.Operator, Text: "[" or "{" } => true,
        _ => false,
    };

    private TemplateToken DottedName()
    {
        var name = tokens.Expect(TokenKind.Name);
        while (TakeOperator("."))
            name = name with { Text = $"{name.Text}.{tokens.Expect(TokenKind.Name).Text}" };
        return name;
    }

    private ArgumentList Arguments()
    {
        var line = tokens.Expect(TokenKind.Operator, "(").Line;
        var (positional, named) = (new List<Expression>(), new List<(string, Expression)>());
        Expression? rest = null, namedRest = null;
        void Ensure(bool isValid)
        {
            if (!isValid)
                throw TokenStream.Error("invalid syntax for function call expression", line);
        }
        bool Argument()
        {
            Ensure(namedRest is null);
            if (TakeOperator("*"))
            {
                Ensure(rest is null);
                rest = Parse();
            }
            else if (TakeOperator("**"))
            {
                namedRest = Parse();
            }
            else if (tokens.Current.Kind == TokenKind.Name && tokens.Following.Is(TokenKind.Operator, "="))
            {
                named.Add((tokens.Next().Text, SkipOne().Parse()));
            }
            else
            {
                Ensure(rest is null && named.Count == 0);
                positional.Add(Parse());
            }
            return true;
        }
        Bracketed(")", Argument);
        return new ArgumentList([.. positional], [.. named], rest, namedRest);
    }

    private ExpressionParser SkipOne()
    {
        tokens.Next();
        return this;
    }

    private ExpressionParser SkipTwo() => SkipOne().SkipOne();

    private bool IsOperator(string text) => tokens.Current.Is(TokenKind.Operator, text);

    private bool TakeOperator(string text) => tokens.Take(TokenKind.Operator, text);

    private bool TakeName(string text) => tokens.Take(TokenKind.Name, text);
}
