using System.Text.Json;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.PreTokenizers;

/// <summary>Cuts after every so many characters.</summary>
internal sealed class FixedLengthPreTokenizer(int length) : PreTokenizer
{
    public override void Apply(TextState state)
    {
        state.BeginCutting();
        foreach (var piece in state.Pieces)
        {
            if (piece.IsToken)
            {
                state.Keep(piece);
                continue;
            }
            var text = state.Text.Slice(0, piece.End);
            for (var start = piece.Start; start < piece.End;)
            {
                var end = start;
                for (var i = 0; i < length && end < piece.End; i++)
                    end += Utf8.LengthFromFirst(text[end]);
                state.Cut(start, end);
                start = end;
            }
        }
        state.EndCutting();
    }

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "FixedLength");
        writer.WriteNumber("length", length);
        writer.WriteEndObject();
    }
}
