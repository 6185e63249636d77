using System.Text.Json;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>Each byte becomes a character of GPT-2's alphabet.</summary>
internal sealed class ByteLevelNormalizer : INormalizer
{
    public void Apply(TextState state) => AppendBytes(state);

    public static void AppendBytes(TextState state)
    {
        var output = state.BeginWriting();
        foreach (var piece in state.Pieces)
        {
            var start = output.Length;
            for (var at = piece.Start; at < piece.End && !piece.IsToken; at++)
            {
                var character = ByteAlphabet.Character(state.Text.Bytes[at]);
                output.Append(character, state.Text.OriginalStart(at), state.Text.OriginalEnd(at));
            }
            state.EndPiece(piece, start);
        }
        state.EndWriting();
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "ByteLevel");
        writer.WriteEndObject();
    }
}
