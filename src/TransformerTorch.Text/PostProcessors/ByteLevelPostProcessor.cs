using System.Text.Json;
using TransformerTorch.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.PostProcessors;

/// <summary>Leaves white space at the ends of a byte-level token out of its offsets.</summary>
internal sealed class ByteLevelPostProcessor(ByteLevelOptions options) : PostProcessor
{
    public override int AddedTokens(bool isPair) => 0;

    public override List<Draft> Process(List<Draft> drafts, Vocabulary vocabulary, bool addSpecialTokens)
    {
        if (options.TrimOffsets)
        {
            foreach (var draft in drafts)
                Trim(draft, vocabulary, options.AddPrefixSpace);
        }
        return drafts;
    }

    public static void Trim(Draft draft, Vocabulary vocabulary, bool addPrefixSpace)
    {
        for (var i = 0; i < draft.Tokens.Length; i++)
            Trim(ref draft.Tokens[i], i == 0, vocabulary, addPrefixSpace);
        foreach (var overflowing in draft.Overflowing)
            Trim(overflowing, vocabulary, addPrefixSpace);
    }

    private static void Trim(ref Token token, bool isFirst, Vocabulary vocabulary, bool addPrefixSpace)
    {
        var text = token.Value is not null ? Utf8.Bytes(token.Value) : vocabulary.TryToken(token.Id, out var known) ? known : default;
        var (leading, trailing) = (0, 0);
        for (var at = 0; at < text.Length && IsSpace(Utf8.Next(text, ref at));)
            leading++;
        for (var at = text.Length; at > 0 && IsSpace(Utf8.Previous(text, ref at));)
            trailing++;
        if (leading > 0)
        {
            // One space at the start may be the prefix, which covers nothing of the text.
            if ((isFirst || token.Start == 0) && addPrefixSpace && leading == 1)
                leading = 0;
            token.Start = Math.Min(token.Start + leading, token.End);
        }
        if (trailing > 0 && token.End >= trailing)
            token.End = Math.Max(token.End - trailing, token.Start);
    }

    private static bool IsSpace(int codePoint) => codePoint == ByteAlphabet.Character((byte)' ') || CodePoints.IsSpace(codePoint);

    public override void Write(Utf8JsonWriter writer) => options.Write(writer);
}
