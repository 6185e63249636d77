namespace TransformerTorch.Text.Patterns;

/// <summary>A regular expression over code points, with Oniguruma's meaning; safe to share between threads.</summary>
/// <exception cref="TokenizerException">The pattern is wrong, needs what is not supported, or takes too many steps on a text.</exception>
internal sealed class RegexPattern : Pattern
{
    [ThreadStatic]
    private static RegexMatcher? _matcher;

    private readonly string _pattern;
    private readonly Instruction[] _steps;
    private readonly int _slots;

    public RegexPattern(string pattern)
    {
        _pattern = pattern;
        (_steps, _slots) = RegexProgram.Compile(RegexParser.Parse(pattern), pattern);
    }

    public override bool Find(ReadOnlySpan<byte> text, int from, out int start, out int end)
    {
        _matcher ??= new RegexMatcher();
        return _matcher.Find(_steps, _slots, text, from, out start, out end)
            ?? throw new TokenizerException($"the regular expression '{_pattern}' takes too many steps on a text of {text.Length} bytes");
    }
}
