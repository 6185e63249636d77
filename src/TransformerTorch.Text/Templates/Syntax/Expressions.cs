namespace TransformerTorch.Text.Templates.Syntax;

/// <summary>A place in a template; lines count from 1.</summary>
internal abstract record Node(int Line);

internal abstract record Expression(int Line) : Node(Line);

internal sealed record Constant(int Line, object? Value) : Expression(Line);

internal sealed record Name(int Line, string Identifier) : Expression(Line);

/// <summary>namespace.attribute, where a value is assigned.</summary>
internal sealed record NamespaceAttribute(int Line, string Identifier, string Attribute) : Expression(Line);

internal sealed record ListLiteral(int Line, Expression[] Items) : Expression(Line);

internal sealed record TupleLiteral(int Line, Expression[] Items) : Expression(Line);

internal sealed record DictLiteral(int Line, (Expression Key, Expression Value)[] Pairs) : Expression(Line);

internal sealed record GetAttribute(int Line, Expression Target, string Attribute) : Expression(Line);

internal sealed record GetItem(int Line, Expression Target, Expression Index) : Expression(Line);

internal sealed record Slice(int Line, Expression? Start, Expression? Stop, Expression? Step) : Expression(Line);

/// <summary>What stands between the parentheses of a call.</summary>
internal sealed record ArgumentList(Expression[] Positional, (string Name, Expression Value)[] Named, Expression? Rest,
    Expression? NamedRest)
{
    public static ArgumentList Empty { get; } = new([], [], null, null);
}

internal sealed record Call(int Line, Expression Target, ArgumentList Arguments) : Expression(Line);

/// <summary>target | name(arguments); the target is null at the head of a filter block.</summary>
internal sealed record FilterCall(int Line, Expression? Target, string Filter, ArgumentList Arguments) : Expression(Line);

internal sealed record TestCall(int Line, Expression Target, string Test, ArgumentList Arguments) : Expression(Line);

internal sealed record Not(int Line, Expression Operand) : Expression(Line);

internal sealed record Sign(int Line, bool IsNegative, Expression Operand) : Expression(Line);

internal sealed record Binary(int Line, string Operator, Expression Left, Expression Right) : Expression(Line);

internal sealed record Logical(int Line, bool IsAnd, Expression Left, Expression Right) : Expression(Line);

internal sealed record Concatenation(int Line, Expression[] Parts) : Expression(Line);

/// <summary>first op operand op operand ..., each operand evaluated once, as Python chains them.</summary>
internal sealed record Comparison(int Line, Expression First, (string Operator, Expression Operand)[] Rest) : Expression(Line);

internal sealed record Conditional(int Line, Expression Test, Expression Then, Expression? Else) : Expression(Line);
