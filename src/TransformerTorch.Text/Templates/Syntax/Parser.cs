namespace TransformerTorch.Text.Templates.Syntax;

/// <summary>Tokens to statements; expressions are <see cref="ExpressionParser"/>'s.</summary>
internal sealed class Parser
{
    private readonly TokenStream _tokens;
    private readonly ExpressionParser _expressions;

    private Parser(List<TemplateToken> tokens)
    {
        _tokens = new TokenStream(tokens);
        _expressions = new ExpressionParser(_tokens);
    }

    public static Statement[] Parse(string source)
    {
        var parser = new Parser(Lexer.Tokenize(source));
        return parser.Body();
    }

    /// <summary>Statements up to a tag that begins with one of the names, whose `{%` is then taken; none: up to the end.</summary>
    private Statement[] Body(params string[] ends)
    {
        using var nesting = _tokens.Deeper();
        var body = new List<Statement>();
        while (true)
        {
            var token = _tokens.Next();
            switch (token.Kind)
            {
                case TokenKind.End:
                    return ends.Length == 0 ? [.. body]
                        : throw TokenStream.Error($"the template ends where {{% {ends[^1]} %}} is expected", token.Line);
                case TokenKind.Text:
                    body.Add(new TextOutput(token.Line, token.Text));
                    break;
                case TokenKind.OutputBegin:
                    body.Add(new ValueOutput(token.Line, _expressions.Tuple()));
                    _tokens.Expect(TokenKind.OutputEnd, "}}");
                    break;
                default:
                    if (_tokens.Current.Kind == TokenKind.Name && ends.Contains(_tokens.Current.Text))
                        return [.. body];
                    body.AddRange(ParseStatement());
                    _tokens.Expect(TokenKind.BlockEnd, "%}");
                    break;
            }
        }
    }

    /// <summary>The rest of an opening tag, then statements up to the one closing tag that is allowed.</summary>
    private Statement[] BodyThrough(string end)
    {
        _tokens.Expect(TokenKind.BlockEnd, "%}");
        var body = Body(end);
        _tokens.Next();
        return body;
    }

    private List<Statement> ParseStatement()
    {
        var token = _tokens.Next();
        if (token.Kind != TokenKind.Name)
            throw TokenStream.Error("a tag name is expected", token.Line);
        return token.Text switch
        {
            "if" => [ParseIf(token.Line)],
            "for" => [ParseFor(token.Line)],
            "set" => [ParseSet(token.Line)],
            "macro" => [ParseMacro(token.Line)],
            "call" => [ParseCallBlock(token.Line)],
            "filter" => [new FilterBlock(token.Line, _expressions.Filters(null, isInline: true)!, BodyThrough("endfilter"))],
            "with" => [ParseWith(token.Line)],
            "print" => ParsePrint(),
            "generation" => [new Generation(token.Line, BodyThrough("endgeneration"))],
            "break" => [new Break(token.Line)],
            "continue" => [new Continue(token.Line)],
            "include" or "import" or "from" or "extends" or "block" or "autoescape" =>
                throw TokenStream.Error($"'{token.Text}' has no place in a chat template", token.Line),
            _ => throw TokenStream.Error($"Encountered unknown tag '{token.Text}'.", token.Line),
        };
    }

    private If ParseIf(int line)
    {
        var branches = new List<(Expression, Statement[])>();
        while (true)
        {
            var test = _expressions.Tuple(hasConditional: false);
            _tokens.Expect(TokenKind.BlockEnd, "%}");
            branches.Add((test, Body("elif", "else", "endif")));
            var end = _tokens.Next().Text;
            if (end == "elif")
                continue;
            return new If(line, [.. branches], end == "else" ? BodyThrough("endif") : []);
        }
    }

    private For ParseFor(int line)
    {
        var target = _expressions.Target();
        _tokens.Expect(TokenKind.Name, "in");
        var iterable = _expressions.Tuple(hasConditional: false, end: "recursive");
        var test = _tokens.Take(TokenKind.Name, "if") ? _expressions.Parse() : null;
        var isRecursive = _tokens.Take(TokenKind.Name, "recursive");
        _tokens.Expect(TokenKind.BlockEnd, "%}");
        var body = Body("else", "endfor");
        var otherwise = _tokens.Next().Text == "else" ? BodyThrough("endfor") : [];
        return new For(line, target, iterable, test) { IsRecursive = isRecursive, Body = body, Else = otherwise };
    }

    private Statement ParseSet(int line)
    {
        var target = _expressions.Target(hasNamespace: true);
        if (_tokens.Take(TokenKind.Operator, "="))
            return new Set(line, target, _expressions.Tuple());
        var filter = _expressions.Filters(null, isInline: false);
        return new SetBlock(line, target, filter, BodyThrough("endset"));
    }

    private MacroDefinition ParseMacro(int line)
    {
        var name = _tokens.Expect(TokenKind.Name).Text;
        return MacroBody(line, name, Signature(), "endmacro");
    }

    private CallBlock ParseCallBlock(int line)
    {
        var parameters = _tokens.Current.Is(TokenKind.Operator, "(") ? Signature() : [];
        var call = _expressions.Parse() as Call ?? throw TokenStream.Error("a call is expected", line);
        return new CallBlock(line, call, MacroBody(line, name: null, parameters, "endcall"));
    }

    private MacroDefinition MacroBody(int line, string? name, (string, Expression?)[] parameters, string end)
    {
        var start = _tokens.Position;
        var body = BodyThrough(end);
        bool Names(string identifier) => _tokens.Between(start, _tokens.Position).Any(token => token.Is(TokenKind.Name, identifier));
        return new MacroDefinition(line, name, parameters, body)
        {
            TakesRest = Names("varargs"), TakesNamedRest = Names("kwargs"), TakesCaller = Names("caller"),
        };
    }

    private (string Name, Expression? Default)[] Signature()
    {
        var parameters = new List<(string, Expression? Default)>();
        _tokens.Expect(TokenKind.Operator, "(");
        while (!_tokens.Current.Is(TokenKind.Operator, ")"))
        {
            if (parameters.Count > 0)
                _tokens.Expect(TokenKind.Operator, ",");
            var name = _tokens.Expect(TokenKind.Name);
            var value = _tokens.Take(TokenKind.Operator, "=") ? _expressions.Parse() : null;
            if (value is null && parameters.Count > 0 && parameters[^1].Default is not null)
                throw TokenStream.Error("non-default argument follows default argument", name.Line);
            parameters.Add((name.Text, value));
        }
        _tokens.Next();
        return [.. parameters];
    }

    private With ParseWith(int line)
    {
        var bindings = new List<(Expression, Expression)>();
        while (_tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (bindings.Count > 0)
                _tokens.Expect(TokenKind.Operator, ",");
            var target = _expressions.Target();
            _tokens.Expect(TokenKind.Operator, "=");
            bindings.Add((target, _expressions.Parse()));
        }
        return new With(line, [.. bindings], BodyThrough("endwith"));
    }

    private List<Statement> ParsePrint()
    {
        var values = new List<Statement>();
        while (_tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (values.Count > 0)
                _tokens.Expect(TokenKind.Operator, ",");
            values.Add(new ValueOutput(_tokens.Current.Line, _expressions.Parse()));
        }
        return values;
    }
}
