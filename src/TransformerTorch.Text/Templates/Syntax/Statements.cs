namespace TransformerTorch.Text.Templates.Syntax;

internal abstract record Statement(int Line) : Node(Line);

internal sealed record TextOutput(int Line, string Text) : Statement(Line);

internal sealed record ValueOutput(int Line, Expression Value) : Statement(Line);

internal sealed record If(int Line, (Expression Test, Statement[] Body)[] Branches, Statement[] Else) : Statement(Line);

internal sealed record For(int Line, Expression Target, Expression Iterable, Expression? Test) : Statement(Line)
{
    public bool IsRecursive { get; init; }

    public required Statement[] Body { get; init; }

    public required Statement[] Else { get; init; }
}

internal sealed record Set(int Line, Expression Target, Expression Value) : Statement(Line);

internal sealed record SetBlock(int Line, Expression Target, Expression? Filter, Statement[] Body) : Statement(Line);

/// <summary>A macro, or the body of a call block, which is a macro without a name.</summary>
internal sealed record MacroDefinition(int Line, string? Name, (string Name, Expression? Default)[] Parameters, Statement[] Body)
    : Statement(Line)
{
    /// <summary>Whether the body names `varargs`, `kwargs` or `caller`, so that it takes them.</summary>
    public bool TakesRest { get; init; }

    public bool TakesNamedRest { get; init; }

    public bool TakesCaller { get; init; }
}

internal sealed record CallBlock(int Line, Call Call, MacroDefinition Caller) : Statement(Line);

internal sealed record FilterBlock(int Line, Expression Filter, Statement[] Body) : Statement(Line);

internal sealed record With(int Line, (Expression Target, Expression Value)[] Bindings, Statement[] Body) : Statement(Line);

/// <summary>What the assistant is to learn to say.</summary>
internal sealed record Generation(int Line, Statement[] Body) : Statement(Line);

internal sealed record Break(int Line) : Statement(Line);

internal sealed record Continue(int Line) : Statement(Line);
