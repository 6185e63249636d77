namespace TransformerTorch.Text.Templates;

/// <summary>What went wrong inside a template, before its line is known; leaves the
/// folder as <see cref="ChatTemplateException"/>.</summary>
internal sealed class TemplateError(string kind, string message) : Exception(message)
{
    /// <summary>Jinja's or Python's name of the error.</summary>
    public string Kind { get; } = kind;

    public int Line { get; set; }

    /// <summary>Notes the innermost line; false, for use as a filter that lets the error pass.</summary>
    public bool PassesLine(int line)
    {
        Line = Line == 0 ? line : Line;
        return false;
    }

    public static TemplateError Type(string message) => new("TypeError", message);

    public static TemplateError Value(string message) => new("ValueError", message);

    public static TemplateError Limit(string message) => new("LimitExceeded", message);
}
