using System.Text;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Evaluation;

/// <summary>What is rendered: the template's own text, and above it what set blocks, macros and filters hold back.</summary>
internal sealed class Output(int maximumLength)
{
    private readonly StringBuilder _root = new();
    private readonly Stack<StringBuilder> _held = new();

    /// <summary>How much of the template's own text is there.</summary>
    public int Length => _root.Length;

    public string Text => _root.ToString();

    public void Write(string text)
    {
        var target = _held.TryPeek(out var held) ? held : _root;
        if (target.Length + (long)text.Length > maximumLength)
            throw TemplateError.Limit($"the output is longer than {maximumLength} characters");
        target.Append(text);
    }

    /// <summary>What is written while the action runs, held back.</summary>
    public string Capture(Action write)
    {
        _held.Push(new StringBuilder());
        try
        {
            write();
            return _held.Peek().ToString();
        }
        finally
        {
            _held.Pop();
        }
    }
}
