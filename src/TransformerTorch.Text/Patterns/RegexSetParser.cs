namespace TransformerTorch.Text.Patterns;

/// <summary>
/// Reads a set in brackets: ranges, escapes, [:classes:], sets within, and two ampersands between sets for what is in both.
/// </summary>
internal sealed class RegexSetParser(string pattern, bool ignoreCase, Func<string, TokenizerException> error)
{
    private const int MaxDepth = 50;
    private readonly RegexEscapes _escapes = new(pattern, error);
    private int _at;

    /// <summary>Reads from behind the opening bracket to behind the closing one.</summary>
    public CharacterSet Parse(ref int at)
    {
        _at = at;
        var set = Parse(depth: 0);
        at = _at;
        return set;
    }

    private CharacterSet Parse(int depth)
    {
        if (depth > MaxDepth)
            throw error($"sets are nested deeper than {MaxDepth}");
        var negative = Accept("^");
        var (union, both) = (new CharacterSet(_ => false), (CharacterSet?)null);
        for (var first = true; first || !Accept("]"); first = false)
        {
            if (_at >= pattern.Length)
                throw error("']' is missing");
            if (Accept("&&"))
            {
                both = both?.Intersection(union) ?? union;
                union = new CharacterSet(_ => false);
                continue;
            }
            union = union.Union(ParseMember(depth));
        }
        var set = both?.Intersection(union) ?? union;
        set = ignoreCase ? set.IgnoringCase() : set;
        return negative ? set.Negated() : set;
    }

    private CharacterSet ParseMember(int depth)
    {
        if (Accept("[:"))
            return ParseClass();
        if (Accept("["))
            return Parse(depth + 1);
        if (Accept("\\"))
        {
            if (_escapes.ParseSet(ref _at, inBrackets: true) is { } set)
                return set;
            // In a set \b is the backspace.
            var escaped = Accept("b") ? '\b' : _escapes.ParseCharacter(ref _at);
            return ParseRange(escaped);
        }
        return ParseRange(Next());
    }

    private CharacterSet ParseRange(int first)
    {
        if (_at + 1 >= pattern.Length || pattern[_at] != '-' || pattern[_at + 1] == ']')
            return CharacterSet.Of(first);
        _at++;
        // Before a set the hyphen is a hyphen.
        if (pattern[_at] == '[' || (pattern[_at] == '\\' && "pPwWsSdDhH".Contains(pattern[Math.Min(_at + 1, pattern.Length - 1)])))
            return CharacterSet.Of(first).Union(CharacterSet.Of('-'));
        var last = Accept("\\") ? _escapes.ParseCharacter(ref _at) : Next();
        return first <= last ? CharacterSet.Range(first, last) : throw error("the range is empty");
    }

    private CharacterSet ParseClass()
    {
        var close = pattern.IndexOf(":]", _at, StringComparison.Ordinal);
        if (close < 0)
            throw error("':]' is missing");
        var name = pattern[_at..close];
        var negative = name.StartsWith('^');
        var set = RegexEscapes.Posix(name.TrimStart('^')) ?? throw error($"the class '{name}' is unknown");
        _at = close + 2;
        return negative ? set.Negated() : set;
    }

    private bool Accept(string text)
    {
        if (string.CompareOrdinal(pattern, _at, text, 0, text.Length) != 0)
            return false;
        _at += text.Length;
        return true;
    }

    private int Next()
    {
        var codePoint = System.Text.Rune.TryGetRuneAt(pattern, _at, out var rune) ? rune.Value : 0xFFFD;
        _at += codePoint > 0xFFFF ? 2 : 1;
        return codePoint;
    }
}
