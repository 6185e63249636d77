using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Pipeline;

/// <summary>What becomes of the matches when text is cut at them; for '-' in "a-b--c":</summary>
internal enum SplitBehavior
{
    /// <summary>a, b, c</summary>
    Removed,

    /// <summary>a, -, b, -, -, c</summary>
    Isolated,

    /// <summary>a-, b-, -, c</summary>
    MergedWithPrevious,

    /// <summary>a, -b, -, -c</summary>
    MergedWithNext,

    /// <summary>a, -, b, --, c</summary>
    Contiguous,
}

/// <summary>Cutting the pieces of a text at the matches of a pattern.</summary>
internal static class Splitting
{
    private readonly record struct Part(int Start, int End, bool IsMatch);

    public static void Split(this TextState state, Pattern pattern, SplitBehavior behavior, bool invert = false)
    {
        state.BeginCutting();
        var parts = new List<Part>();
        foreach (var piece in state.Pieces)
        {
            if (piece.IsToken)
            {
                state.Keep(piece);
                continue;
            }
            if (behavior == SplitBehavior.Isolated)
            {
                Isolate(state, piece, pattern);
                continue;
            }
            parts.Clear();
            FindParts(state.Text.Slice(piece.Start, piece.End), pattern, invert, parts);
            foreach (var part in Join(parts, behavior))
                state.Cut(piece.Start + part.Start, piece.Start + part.End);
        }
        state.EndCutting();
    }

    private static void Isolate(TextState state, in Piece piece, Pattern pattern)
    {
        var text = state.Text.Slice(piece.Start, piece.End);
        var matches = new Matches(pattern);
        var done = 0;
        while (matches.Next(text, out var start, out var end))
        {
            state.Cut(piece.Start + done, piece.Start + start);
            state.Cut(piece.Start + start, piece.Start + end);
            done = end;
        }
        state.Cut(piece.Start + done, piece.End);
    }

    private static void FindParts(ReadOnlySpan<byte> text, Pattern pattern, bool invert, List<Part> parts)
    {
        var matches = new Matches(pattern);
        var done = 0;
        while (matches.Next(text, out var start, out var end))
        {
            if (start > done)
                parts.Add(new Part(done, start, invert));
            parts.Add(new Part(start, end, !invert));
            done = end;
        }
        if (done < text.Length)
            parts.Add(new Part(done, text.Length, invert));
    }

    private static List<Part> Join(List<Part> parts, SplitBehavior behavior)
    {
        var joined = new List<Part>();
        var previous = false;
        if (behavior == SplitBehavior.MergedWithNext)
            parts.Reverse();
        foreach (var part in parts)
        {
            var join = behavior switch
            {
                SplitBehavior.Contiguous => part.IsMatch == previous,
                SplitBehavior.MergedWithPrevious or SplitBehavior.MergedWithNext => part.IsMatch && !previous,
                _ => false,
            };
            previous = part.IsMatch;
            if (behavior == SplitBehavior.Removed && part.IsMatch)
                continue;
            if (!join || joined.Count == 0)
                joined.Add(part);
            else if (behavior == SplitBehavior.MergedWithNext)
                joined[^1] = joined[^1] with { Start = part.Start };
            else
                joined[^1] = joined[^1] with { End = part.End };
        }
        if (behavior == SplitBehavior.MergedWithNext)
            joined.Reverse();
        return joined;
    }
}

/// <summary>The matches of a pattern one after the other: none empty directly behind the one before.</summary>
internal struct Matches(Pattern pattern)
{
    private int _from;
    private int _lastEnd = -1;

    public bool Next(ReadOnlySpan<byte> text, out int start, out int end)
    {
        while (_from <= text.Length && pattern.Find(text, _from, out start, out end))
        {
            if (start == end && end == _lastEnd)
            {
                _from += _from < text.Length ? Utf8.LengthFromFirst(text[_from]) : 1;
                continue;
            }
            _from = _lastEnd = end;
            return true;
        }
        (start, end) = (0, 0);
        return false;
    }
}
