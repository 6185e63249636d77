using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Patterns;

/// <summary>GPT-4's pattern as Llama 3 (three digits together) and Qwen 2 (digits alone) have it, scanned by hand.</summary>
internal sealed class Gpt4Pattern(int digits) : ScannedPattern
{
    protected override int End(ReadOnlySpan<byte> text, int from) => Contraction(text, from) ?? Run(text, from);

    // Any case; the long s counts as an s.
    private static int? Contraction(ReadOnlySpan<byte> text, int from)
    {
        if (text[from] != '\'')
            return null;
        var rest = text[(from + 1)..];
        if (rest.StartsWith("ſ"u8))
            return from + 3;
        if (rest.Length > 0 && (rest[0] | 0x20) is 's' or 't' or 'm' or 'd')
            return from + 2;
        return rest.Length > 1 && (rest[0] | 0x20, rest[1] | 0x20) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? from + 3 : null;
    }

    private int Run(ReadOnlySpan<byte> text, int from)
    {
        var at = from;
        var first = Utf8.Next(text, ref at);
        var kind = CodePoints.Class(first);
        if (kind == CodePoints.Letter)
            return While(text, at, CodePoints.Letter);
        if (kind == CodePoints.Number)
            return Number(text, at);
        var next = at;
        var following = at < text.Length ? CodePoints.Class(Utf8.Next(text, ref next)) : -1;
        if (following == CodePoints.Letter && first is not ('\r' or '\n'))
            return While(text, next, CodePoints.Letter);
        if (kind == 0)
            return LineBreaks(text, While(text, at, 0));
        if (first == ' ' && following == 0)
            return LineBreaks(text, While(text, next, 0));
        return Space(text, from);
    }

    private int Number(ReadOnlySpan<byte> text, int at)
    {
        for (var count = 1; count < digits && at < text.Length; count++)
        {
            var next = at;
            if (CodePoints.Class(Utf8.Next(text, ref next)) != CodePoints.Number)
                break;
            at = next;
        }
        return at;
    }

    /// <summary>Up to the last line break of the run; without one, all but the last character if something follows.</summary>
    private static int Space(ReadOnlySpan<byte> text, int from)
    {
        var (at, last, lineBreak) = (from, from, -1);
        while (at < text.Length)
        {
            var next = at;
            if (CodePoints.Class(Utf8.Next(text, ref next)) != CodePoints.Space)
                break;
            if (text[at] is (byte)'\r' or (byte)'\n')
                lineBreak = next;
            (last, at) = (at, next);
        }
        return lineBreak >= 0 ? lineBreak : at < text.Length && last > from ? last : at;
    }

    private static int While(ReadOnlySpan<byte> text, int at, int kind)
    {
        while (at < text.Length)
        {
            var next = at;
            if (CodePoints.Class(Utf8.Next(text, ref next)) != kind)
                break;
            at = next;
        }
        return at;
    }

    private static int LineBreaks(ReadOnlySpan<byte> text, int at)
    {
        while (at < text.Length && text[at] is (byte)'\r' or (byte)'\n')
            at++;
        return at;
    }
}
