using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Patterns;

/// <summary>GPT-2's pattern, scanned by hand: every character belongs to a match.</summary>
internal sealed class Gpt2Pattern : ScannedPattern
{
    public const string Source = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    protected override int End(ReadOnlySpan<byte> text, int from) => Contraction(text, from) ?? Run(text, from);

    private static int? Contraction(ReadOnlySpan<byte> text, int at)
    {
        if (text[at] != '\'' || at + 1 >= text.Length)
            return null;
        var second = text[at + 1];
        if (second is (byte)'s' or (byte)'t' or (byte)'m' or (byte)'d')
            return at + 2;
        if (at + 2 >= text.Length)
            return null;
        return (second, text[at + 2]) is ((byte)'r', (byte)'e') or ((byte)'v', (byte)'e') or ((byte)'l', (byte)'l') ? at + 3 : null;
    }

    private static int Run(ReadOnlySpan<byte> text, int from)
    {
        var at = from;
        var kind = CodePoints.Class(Utf8.Next(text, ref at));
        if (text[from] == ' ' && at < text.Length)
        {
            var next = at;
            var following = CodePoints.Class(Utf8.Next(text, ref next));
            if (following != CodePoints.Space)
                (kind, at) = (following, next);
        }
        var last = from; // where the run's last character begins
        while (at < text.Length)
        {
            var next = at;
            if (CodePoints.Class(Utf8.Next(text, ref next)) != kind)
                break;
            (last, at) = (at, next);
        }
        // White space leaves its last character to what follows it.
        return kind == CodePoints.Space && at < text.Length && last > from ? last : at;
    }
}
