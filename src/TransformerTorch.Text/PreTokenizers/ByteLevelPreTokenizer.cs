using System.Text.Json;
using TransformerTorch.Text.Json;
using TransformerTorch.Text.Normalizers;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.PreTokenizers;

/// <summary>GPT-2's way: cut by its pattern, then each byte becomes a character of its alphabet.</summary>
internal sealed class ByteLevelPreTokenizer(ByteLevelOptions options) : PreTokenizer
{
    private static readonly Gpt2Pattern _pattern = new();

    public override void Apply(TextState state)
    {
        ApplyToBytes(state);
        ByteLevelNormalizer.AppendBytes(state);
    }

    /// <summary>All but the last step: the pieces are left as bytes, for a model that takes them so.</summary>
    public void ApplyToBytes(TextState state)
    {
        if (options.AddPrefixSpace)
            Prefix(state);
        if (options.UseRegex)
            state.Split(_pattern, SplitBehavior.Isolated);
    }

    private static void Prefix(TextState state)
    {
        var needed = false;
        foreach (var piece in state.Pieces)
            needed |= !piece.IsToken && state.Text.Bytes[piece.Start] != ' ';
        if (!needed)
            return;
        var output = state.BeginWriting();
        foreach (var piece in state.Pieces)
        {
            var start = output.Length;
            if (!piece.IsToken)
            {
                if (state.Text.Bytes[piece.Start] != ' ')
                    output.Append(' ', state.Text.OriginalStart(piece.Start), state.Text.OriginalEnd(piece.Start));
                output.AppendCopy(state.Text, piece.Start, piece.End);
            }
            state.EndPiece(piece, start);
        }
        state.EndWriting();
    }

    public override void Write(Utf8JsonWriter writer) => options.Write(writer);
}
