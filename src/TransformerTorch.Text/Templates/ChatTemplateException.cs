namespace TransformerTorch.Text.Templates;

/// <summary>A chat template that cannot be read or rendered, or that refuses its messages (raise_exception).</summary>
public sealed class ChatTemplateException : Exception
{
    /// <summary>Without a message.</summary>
    public ChatTemplateException()
        : this("the chat template failed")
    {
    }

    /// <summary>With what is wrong.</summary>
    public ChatTemplateException(string message)
        : base(message) => (Reason, Kind) = (message, "TemplateError");

    /// <summary>With what is wrong, and the error behind it.</summary>
    public ChatTemplateException(string message, Exception inner)
        : base(message, inner) => (Reason, Kind) = (message, "TemplateError");

    internal ChatTemplateException(TemplateError error, int line)
        : base($"chat template, line {line}: {(error.Kind == "TemplateError" ? "" : error.Kind + ": ")}{error.Message}", error) =>
        (Reason, Kind, Line) = (error.Message, error.Kind, line);

    /// <summary>The cause alone; for raise_exception the template's own words.</summary>
    public string Reason { get; }

    /// <summary>Jinja's or Python's name for the error: TemplateError (raise_exception),
    /// TemplateSyntaxError, UndefinedError, TypeError ...</summary>
    public string Kind { get; }

    /// <summary>The line of the template, from 1; 0 where unknown.</summary>
    public int Line { get; }
}
