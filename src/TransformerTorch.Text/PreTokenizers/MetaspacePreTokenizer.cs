using System.Text.Json;
using TransformerTorch.Text.Normalizers;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.PreTokenizers;

/// <summary>Before which pieces a space is put.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}

/// <summary>SentencePiece's way: spaces become a visible character, and words begin with it.</summary>
internal sealed class MetaspacePreTokenizer(string replacement, PrependScheme scheme, bool split) : PreTokenizer
{
    private static readonly LiteralPattern _space = new(" ");
    private readonly byte[] _replacement = Utf8.Bytes(replacement);
    private readonly LiteralPattern _pattern = new(replacement);

    public override void Apply(TextState state)
    {
        ReplaceNormalizer.Apply(state, _space, _replacement);
        if (scheme != PrependScheme.Never)
            Prepend(state);
        if (split)
            state.Split(_pattern, SplitBehavior.MergedWithNext);
    }

    private void Prepend(TextState state)
    {
        var needed = false;
        foreach (var piece in state.Pieces)
            needed |= Needs(state, piece);
        if (!needed)
            return;
        var output = state.BeginWriting();
        foreach (var piece in state.Pieces)
        {
            var start = output.Length;
            if (Needs(state, piece))
                PrependNormalizer.AppendPrefixed(output, state.Text, piece, _replacement);
            else if (!piece.IsToken)
                output.AppendCopy(state.Text, piece.Start, piece.End);
            state.EndPiece(piece, start);
        }
        state.EndWriting();
    }

    private bool Needs(TextState state, in Piece piece) => !piece.IsToken && (scheme == PrependScheme.Always || piece.OriginalStart == 0)
        && !state.Text.Slice(piece.Start, piece.End).StartsWith(_replacement);

    public override void Write(Utf8JsonWriter writer) => Write(writer, replacement, scheme, split);

    public static void Write(Utf8JsonWriter writer, string replacement, PrependScheme scheme, bool split)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Metaspace");
        writer.WriteString("replacement", replacement);
        writer.WriteString("prepend_scheme", scheme switch
        {
            PrependScheme.Always => "always",
            PrependScheme.First => "first",
            _ => "never",
        });
        writer.WriteBoolean("split", split);
        writer.WriteEndObject();
    }
}
