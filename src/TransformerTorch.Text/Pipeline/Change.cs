using System.Runtime.InteropServices;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Pipeline;

/// <summary>A character of rewritten text.</summary>
/// <param name="CodePoint">The character.</param>
/// <param name="Shift">0: it stands for the next one of the text before; 1: one more; -n: for the next one and n more.</param>
internal readonly record struct Change(int CodePoint, int Shift);

/// <summary>Rewriting pieces with what each new character stands for, by the reference's rules.</summary>
internal static class Rewriting
{
    /// <summary>
    /// Appends <paramref name="piece"/> of <paramref name="source"/> as <paramref name="changes"/> say, after <paramref name="removed"/>
    /// characters were taken away before the first.
    /// </summary>
    public static void AppendChanged(this AlignedText output, AlignedText source, in Piece piece, List<Change> changes, int removed)
    {
        var (at, end) = (piece.Start, piece.End);
        // Characters at the start that stand for nothing of the original stay as they are.
        if (piece.OriginalStart == piece.OriginalEnd)
            end = at;
        else
        {
            while (at < end && source.OriginalStart(at) == source.OriginalEnd(at))
                at++;
        }
        output.AppendCopy(source, piece.Start, at);
        Skip(source, ref at, end, removed);
        foreach (var change in CollectionsMarshal.AsSpan(changes))
        {
            var place = change.Shift > 0 ? at - 1 : Math.Min(at, piece.End - 1);
            if (place < piece.Start)
                output.Append(change.CodePoint, piece.OriginalStart, piece.OriginalStart);
            else
                output.Append(change.CodePoint, source.OriginalStart(place), source.OriginalEnd(place));
            if (change.Shift <= 0)
                Skip(source, ref at, end, 1 - change.Shift);
        }
        output.AppendCopy(source, end, piece.End);
    }

    private static void Skip(AlignedText source, ref int at, int end, int characters)
    {
        for (; characters > 0 && at < end; characters--)
            at += Utf8.LengthFromFirst(source.Bytes[at]);
    }
}
