using System.Text.Json;
using TransformerTorch.Text.Pipeline;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.PreTokenizers;

/// <summary>Cuts where the script changes; Japanese syllables count as ideographs, and a space as whatever it follows.</summary>
internal sealed class UnicodeScriptsPreTokenizer : PreTokenizer
{
    private const int Any = 0;
    private const int None = -1;
    private static readonly int _han = Script("Han");
    private static readonly int _hiragana = Script("Hiragana");
    private static readonly int _katakana = Script("Katakana");

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

    // What stands before the first cut is lost: a piece of characters without script vanishes, as in the reference.
    private static void Cut(TextState state, in Piece piece)
    {
        var text = state.Text.Slice(0, piece.End);
        var (start, last) = (-1, None);
        for (var at = piece.Start; at < piece.End;)
        {
            var before = at;
            var script = ScriptOf(Utf8.Next(text, ref at));
            if (script == Any)
                continue;
            if (script != last)
            {
                if (start >= 0)
                    state.Cut(start, before);
                start = before;
            }
            last = script;
        }
        if (start >= 0)
            state.Cut(start, piece.End);
    }

    private static int ScriptOf(int codePoint)
    {
        if (codePoint == ' ')
            return Any;
        var script = UnicodeTables.OldScripts[codePoint];
        return codePoint == 0x30FC || script == _hiragana || script == _katakana ? _han : script;
    }

    private static int Script(string name) => Array.IndexOf(UnicodeTables.ScriptNames, name) + 1;

    public override void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "UnicodeScripts");
        writer.WriteEndObject();
    }
}
