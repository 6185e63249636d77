namespace TransformerTorch.Text.Templates.Syntax;

/// <summary>The tokens of a template, read one after the other, and how deep the parser is in them.</summary>
internal sealed class TokenStream(List<TemplateToken> tokens)
{
    /// <summary>Published templates nest some ten deep; what is deeper than this was made to overflow a stack.</summary>
    private const int MaximumDepth = 150;
    private int _depth;

    public int Position { get; private set; }

    public TemplateToken Current => tokens[Position];

    public TemplateToken Following => tokens[Math.Min(Position + 1, tokens.Count - 1)];

    public TemplateToken Next()
    {
        var token = Current;
        Position = Math.Min(Position + 1, tokens.Count - 1);
        return token;
    }

    public bool Take(TokenKind kind, string text)
    {
        var isThere = Current.Is(kind, text);
        if (isThere)
            Next();
        return isThere;
    }

    public TemplateToken Expect(TokenKind kind, string? text = null)
    {
        if (Current.Kind != kind || (text is not null && Current.Text != text))
            throw Error($"expected {text ?? kind.ToString().ToLowerInvariant()}, got '{Current}'", Current.Line);
        return Next();
    }

    public IEnumerable<TemplateToken> Between(int start, int end) => tokens.Skip(start).Take(end - start);

    public Nesting Deeper()
    {
        if (++_depth > MaximumDepth)
            throw Error($"the template nests deeper than {MaximumDepth}", Current.Line);
        return new Nesting(this);
    }

    public static TemplateError Error(string message, int line) => new("TemplateSyntaxError", message) { Line = line };

    public readonly struct Nesting(TokenStream tokens) : IDisposable
    {
        public void Dispose() => tokens._depth--;
    }
}
