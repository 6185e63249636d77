using System.Text.Json;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>Puts something before the text, which stands for the text's first character.</summary>
internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    private readonly byte[] _prefix = Utf8.Bytes(prefix);

    public void Apply(TextState state)
    {
        var output = state.BeginWriting();
        foreach (var piece in state.Pieces)
        {
            var start = output.Length;
            if (!piece.IsToken)
                AppendPrefixed(output, state.Text, piece, _prefix);
            state.EndPiece(piece, start);
        }
        state.EndWriting();
    }

    public static void AppendPrefixed(AlignedText output, AlignedText source, in Piece piece, ReadOnlySpan<byte> prefix)
    {
        var first = piece.Start + Utf8.LengthFromFirst(source.Bytes[piece.Start]);
        if (prefix.Length == 0)
        {
            // The reference gives a character that nothing is put before the place before the text.
            output.Append(source.Slice(piece.Start, first), piece.OriginalStart, piece.OriginalStart);
            output.AppendCopy(source, first, piece.End);
            return;
        }
        output.Append(prefix, source.OriginalStart(piece.Start), source.OriginalEnd(piece.Start));
        output.AppendCopy(source, piece.Start, piece.End);
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Prepend");
        writer.WriteString("prepend", prefix);
        writer.WriteEndObject();
    }
}
