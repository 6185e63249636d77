using TransformerTorch.Generation;

namespace TransformerTorch.AI;

/// <summary>
/// Parts an answer from what was thought before it, between marks, as both come. What may yet become a mark is held back, and the white
/// space around marks is left out.
/// </summary>
/// <param name="opened">whether the prompt ends with the opening mark</param>
internal sealed class ThoughtReader(bool opened)
{
    public const string Opening = "<think>", Closing = "</think>";
    private Part _at = opened ? Part.Opened : Part.Start;
    private string _held = "";
    private int _tokens;

    private enum Part
    {
        Start,
        Opened,
        Thought,
        Closed,
        Answer,
    }

    /// <summary>Tokens of the thought so far, with those of its marks.</summary>
    public int Tokens { get; private set; }

    private bool IsThinking => _at is Part.Opened or Part.Thought;

    /// <summary>Whether a model marks its thoughts so, by its template.</summary>
    public static bool Marks(string template)
        => template.Contains(Opening, StringComparison.Ordinal) || template.Contains(Closing, StringComparison.Ordinal);

    /// <summary>What is certain with a piece to be thought, and to be said.</summary>
    public (string Thought, string Text) Add(TextPiece piece)
    {
        if (piece.Id is not null) _tokens++;
        var wasThinking = IsThinking;
        var (thought, text) = Add(piece.Text, ends: piece.Finish is not null);
        if (wasThinking || IsThinking || thought.Length > 0) Tokens = _tokens;
        return (thought, text);
    }

    private (string Thought, string Text) Add(string text, bool ends)
    {
        _held += text;
        var thought = "";
        if (_at == Part.Start)
        {
            var start = _held.TrimStart();
            if (start.StartsWith(Opening, StringComparison.Ordinal)) (_at, _held) = (Part.Opened, start[Opening.Length..]);
            else if (ends || !Opening.StartsWith(start, StringComparison.Ordinal)) _at = Part.Answer;
        }
        if (_at == Part.Opened && (_held = _held.TrimStart()).Length > 0) _at = Part.Thought;
        if (_at == Part.Thought)
        {
            var end = _held.IndexOf(Closing, StringComparison.Ordinal);
            thought = _held[..(end >= 0 ? end : ends ? _held.Length : ToolFormat.Before(_held, Closing))].TrimEnd();
            _held = _held[(end >= 0 ? end + Closing.Length : thought.Length)..];
            if (end >= 0) _at = Part.Closed;
        }
        if (_at == Part.Closed && (_held = _held.TrimStart()).Length > 0) _at = Part.Answer;
        if (_at != Part.Answer) return (thought, "");
        (var answer, _held) = (_held, "");
        return (thought, answer);
    }
}
