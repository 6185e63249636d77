using System.Globalization;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Patterns;

/// <summary>What stands behind a backslash, in sets and outside.</summary>
internal sealed class RegexEscapes(string pattern, Func<string, TokenizerException> error)
{
    private static readonly string[] _categories =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe",
        "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn",
    ];

    private static readonly Dictionary<string, string> _longNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Letter"] = "L", ["UppercaseLetter"] = "Lu", ["LowercaseLetter"] = "Ll", ["TitlecaseLetter"] = "Lt", ["ModifierLetter"] = "Lm",
        ["OtherLetter"] = "Lo", ["Mark"] = "M", ["NonspacingMark"] = "Mn", ["SpacingMark"] = "Mc", ["EnclosingMark"] = "Me",
        ["Number"] = "N",
        ["DecimalNumber"] = "Nd", ["LetterNumber"] = "Nl", ["OtherNumber"] = "No", ["Punctuation"] = "P", ["ConnectorPunctuation"] = "Pc",
        ["DashPunctuation"] = "Pd", ["OpenPunctuation"] = "Ps", ["ClosePunctuation"] = "Pe", ["InitialPunctuation"] = "Pi",
        ["FinalPunctuation"] = "Pf", ["OtherPunctuation"] = "Po", ["Symbol"] = "S", ["MathSymbol"] = "Sm", ["CurrencySymbol"] = "Sc",
        ["ModifierSymbol"] = "Sk", ["OtherSymbol"] = "So", ["Separator"] = "Z", ["SpaceSeparator"] = "Zs", ["LineSeparator"] = "Zl",
        ["ParagraphSeparator"] = "Zp", ["Other"] = "C", ["Control"] = "Cc", ["Format"] = "Cf", ["PrivateUse"] = "Co", ["Unassigned"] = "Cn",
    };

    // Within brackets \w leaves out the superscripts and fractions of Latin-1, which Oniguruma takes in outside.
    private static readonly CharacterSet _wordInSet = new(codePoint =>
        CodePoints.Is(codePoint, CodePoints.RustWord) && codePoint is not (0x200C or 0x200D));

    /// <summary>The set that \w, \p{..} and their like stand for, or null: then it is a character. Stands behind the backslash.</summary>
    public CharacterSet? ParseSet(ref int at, bool inBrackets)
    {
        if (at >= pattern.Length)
            throw error("nothing stands behind the backslash");
        var name = pattern[at];
        if (name is 'p' or 'P' && at + 1 < pattern.Length && pattern[at + 1] == '{')
            return ParseProperty(ref at, negative: name == 'P');
        CharacterSet? set = char.ToLowerInvariant(name) switch
        {
            'w' => inBrackets ? _wordInSet : CharacterSet.Flags(CodePoints.Word),
            's' => CharacterSet.Flags(CodePoints.Space),
            'd' => Category("Nd"),
            'h' => CharacterSet.Range('0', '9').Union(CharacterSet.Range('a', 'f')).Union(CharacterSet.Range('A', 'F')),
            'n' when name == 'N' => CharacterSet.Of('\n'),
            'o' when name == 'O' => new CharacterSet(_ => false),
            _ => null,
        };
        at += set is null ? 0 : 1;
        return set is not null && char.IsUpper(name) ? set.Negated() : set;
    }

    /// <summary>The character that the escape stands for. Stands behind the backslash.</summary>
    public int ParseCharacter(ref int at)
    {
        var start = at;
        var codePoint = System.Text.Rune.TryGetRuneAt(pattern, at, out var rune) ? rune.Value : 0xFFFD;
        at += codePoint > 0xFFFF ? 2 : 1;
        switch (codePoint)
        {
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'f': return '\f';
            case 'v': return '\v';
            case 'a': return '\a';
            case 'e': return 0x1B;
            case 'u': return Hex(ref at, 4, 4);
            case 'o' when at < pattern.Length && pattern[at] == '{':
                throw error("\\o{..} is not supported; write \\x{..}");
            case 'x' when at < pattern.Length && pattern[at] == '{':
                at++;
                var value = Hex(ref at, 1, 8);
                if (at >= pattern.Length || pattern[at++] != '}')
                    throw error("'}' is missing");
                return value;
            case 'x':
                var part = Hex(ref at, 1, 2);
                return part < 0x80 ? part : throw error("\\x above 7F is half a character; write \\x{..}");
            case >= '0' and <= '7':
                at = start;
                var digits = 0;
                while (digits < 3 && at + digits < pattern.Length && pattern[at + digits] is >= '0' and <= '7')
                    digits++;
                at += digits;
                return Convert.ToInt32(pattern.Substring(start, digits), 8);
            case 'c' or 'C' or 'M':
                throw error($"'\\{(char)codePoint}' is not supported");
            default:
                return codePoint;
        }
    }

    private int Hex(ref int at, int min, int max)
    {
        var length = 0;
        while (length < max && at + length < pattern.Length && char.IsAsciiHexDigit(pattern[at + length]))
            length++;
        if (length < min || !uint.TryParse(pattern.AsSpan(at, length), NumberStyles.HexNumber, null, out var value) || value > 0x10FFFF)
            throw error("a code point in hexadecimal is expected");
        at += length;
        return (int)value;
    }

    private CharacterSet ParseProperty(ref int at, bool negative)
    {
        var close = pattern.IndexOf('}', at);
        if (close < 0)
            throw error("'}' is missing");
        var name = pattern[(at + 2)..close];
        if (name.StartsWith('^'))
            (name, negative) = (name[1..], !negative);
        var set = Property(name) ?? throw error($"the property '{name}' is unknown");
        at = close + 1;
        return negative ? set.Negated() : set;
    }

    /// <summary>
    /// A general category, a script or a POSIX class, by its name without regard to case, spaces, hyphens and underscores.
    /// </summary>
    public static CharacterSet? Property(string name)
    {
        var plain = string.Concat(name.Where(character => character is not (' ' or '-' or '_')));
        if (Posix(plain.ToLowerInvariant()) is { } posix)
            return posix;
        plain = _longNames.GetValueOrDefault(plain, plain);
        if (_categories.Any(category => category.StartsWith(plain, StringComparison.OrdinalIgnoreCase) && plain.Length > 0))
            return Category(plain);
        var names = Array.ConvertAll(UnicodeTables.ScriptNames, other => other.Replace("_", "", StringComparison.Ordinal));
        var script = Array.FindIndex(names, other => string.Equals(other, plain, StringComparison.OrdinalIgnoreCase));
        return script < 0 ? null : new CharacterSet(codePoint => UnicodeTables.Scripts[codePoint] == script + 1);
    }

    /// <summary>A class of [[:name:]].</summary>
    public static CharacterSet? Posix(string name) => name switch
    {
        "alpha" => CharacterSet.Flags(CodePoints.Alphabetic),
        "upper" => CharacterSet.Flags(CodePoints.Uppercase),
        "lower" => CharacterSet.Flags(CodePoints.Lowercase),
        "space" => CharacterSet.Flags(CodePoints.Space),
        "word" => _wordInSet,
        "digit" => Category("Nd"),
        "alnum" => CharacterSet.Flags(CodePoints.Alphabetic).Union(Category("Nd")),
        "punct" => Category("P").Union(Category("S")),
        "cntrl" => Category("Cc"),
        "blank" => Category("Zs").Union(CharacterSet.Of('\t')),
        "xdigit" => CharacterSet.Range('0', '9').Union(CharacterSet.Range('a', 'f')).Union(CharacterSet.Range('A', 'F')),
        "any" => new CharacterSet(_ => true),
        "ascii" => CharacterSet.Range(0, 127),
        _ => null,
    };

    private static CharacterSet Category(string name)
    {
        if (name is "L" or "l")
            return CharacterSet.Flags(CodePoints.Letter);
        if (name is "N" or "n")
            return CharacterSet.Flags(CodePoints.Number);
        var members = Array.ConvertAll(_categories, category => category.StartsWith(name, StringComparison.OrdinalIgnoreCase));
        return new CharacterSet(codePoint => members[UnicodeTables.Categories[codePoint]]);
    }
}
