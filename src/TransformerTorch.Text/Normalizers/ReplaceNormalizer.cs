using System.Text.Json;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Normalizers;

/// <summary>
/// Replaces each match of a pattern; what is put in stands for the last character of the match, or for the one before it.
/// </summary>
internal sealed class ReplaceNormalizer(PatternSource pattern, string content) : INormalizer
{
    private readonly Pattern _pattern = pattern.Compile();
    private readonly byte[] _content = Utf8.Bytes(content);

    public void Apply(TextState state) => Apply(state, _pattern, _content);

    public static void Apply(TextState state, Pattern pattern, ReadOnlySpan<byte> content)
    {
        var found = false;
        foreach (var piece in state.Pieces)
            found |= !piece.IsToken && pattern.Find(state.Text.Slice(piece.Start, piece.End), 0, out _, out _);
        if (!found)
            return;
        var output = state.BeginWriting();
        foreach (var piece in state.Pieces)
        {
            var start = output.Length;
            if (!piece.IsToken)
                Append(output, state.Text, piece, pattern, content);
            state.EndPiece(piece, start);
        }
        state.EndWriting();
    }

    private static void Append(AlignedText output, AlignedText source, in Piece piece, Pattern pattern, ReadOnlySpan<byte> content)
    {
        var text = source.Slice(piece.Start, piece.End);
        var matches = new Matches(pattern);
        var done = piece.Start;
        while (matches.Next(text, out var start, out var end))
        {
            output.AppendCopy(source, done, piece.Start + start);
            done = piece.Start + end;
            if (end == 0)
                output.Append(content, piece.OriginalStart, piece.OriginalStart);
            else
                output.Append(content, source.OriginalStart(done - 1), source.OriginalEnd(done - 1));
        }
        output.AppendCopy(source, done, piece.End);
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "Replace");
        pattern.Write(writer);
        writer.WriteString("content", content);
        writer.WriteEndObject();
    }
}
