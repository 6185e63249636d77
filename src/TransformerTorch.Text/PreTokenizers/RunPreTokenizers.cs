using System.Text.Json;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.PreTokenizers;

/// <summary>Cuts into runs of characters of one class; class 0 is left out, and a negative class is cut character by character.</summary>
internal abstract class RunPreTokenizer : PreTokenizer
{
    protected abstract int Class(int codePoint);

    public override void Apply(TextState state)
    {
        state.BeginCutting();
        foreach (var piece in state.Pieces)
        {
            if (piece.IsToken)
                state.Keep(piece);
            else
                Cut(state, piece);
        }
        state.EndCutting();
    }

    private void Cut(TextState state, in Piece piece)
    {
        var text = state.Text.Slice(0, piece.End);
        var (start, run) = (piece.Start, 0);
        for (var at = piece.Start; at < piece.End;)
        {
            var before = at;
            var current = Class(Utf8.Next(text, ref at));
            if (current == run && run >= 0)
                continue;
            if (run != 0)
                state.Cut(start, before);
            (start, run) = (before, current);
        }
        if (run != 0)
            state.Cut(start, piece.End);
    }

    protected static void Write(Utf8JsonWriter writer, string type)
    {
        writer.WriteStartObject();
        writer.WriteString("type", type);
        writer.WriteEndObject();
    }
}

/// <summary>At white space, and each punctuation mark alone.</summary>
internal sealed class BertPreTokenizer : RunPreTokenizer
{
    protected override int Class(int codePoint)
    {
        var flags = CodePoints.Flags(codePoint);
        return (flags & CodePoints.Space) != 0 ? 0 : (flags & CodePoints.Punctuation) != 0 ? -1 : 1;
    }

    public override void Write(Utf8JsonWriter writer) => Write(writer, "BertPreTokenizer");
}

/// <summary>At white space, and between words and other characters: \w+|[^\w\s]+.</summary>
internal sealed class WhitespacePreTokenizer : RunPreTokenizer
{
    protected override int Class(int codePoint)
    {
        var flags = CodePoints.Flags(codePoint);
        return (flags & CodePoints.RustWord) != 0 ? 1 : (flags & CodePoints.Space) != 0 ? 0 : 2;
    }

    public override void Write(Utf8JsonWriter writer) => Write(writer, "Whitespace");
}

/// <summary>At white space.</summary>
internal sealed class WhitespaceSplitPreTokenizer : RunPreTokenizer
{
    protected override int Class(int codePoint) => CodePoints.IsSpace(codePoint) ? 0 : 1;

    public override void Write(Utf8JsonWriter writer) => Write(writer, "WhitespaceSplit");
}
