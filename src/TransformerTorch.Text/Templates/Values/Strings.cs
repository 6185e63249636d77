using System.Buffers;
using System.Numerics;
using System.Text;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>Python's strings over .NET's: lengths, indexes and order count code points, and white space and case are Python's.</summary>
internal static class Strings
{
    /// <summary>What str.isspace() accepts; .NET's set lacks the four separators of ASCII.</summary>
    public const string WhiteSpace =
        " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
        + "\u2028\u2029\u202f\u205f\u3000";

    private static readonly SearchValues<char> _lineEnds = SearchValues.Create("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029");
    private static readonly SearchValues<char> _growing = SearchValues.Create("ßŉǰΐΰևﬀﬁﬂﬃﬄﬅﬆ");

    public static bool IsSpace(char c) => WhiteSpace.Contains(c);

    public static int Length(string text)
    {
        var pairs = 0;
        for (var i = 0; i < text.Length; i++)
            pairs += IsPair(text, i) ? 1 : 0;
        return text.Length - pairs;
    }

    public static IEnumerable<object?> Characters(string text)
    {
        for (var i = 0; i < text.Length; i++)
            yield return IsPair(text, i) ? text.Substring(i++, 2) : text[i].ToString();
    }

    /// <summary>The index of UTF-16 units of a code point, for each of them and the end.</summary>
    public static int[] Starts(string text)
    {
        var starts = new List<int>(text.Length + 1);
        for (var i = 0; i < text.Length; i++)
        {
            starts.Add(i);
            if (IsPair(text, i))
                i++;
        }
        starts.Add(text.Length);
        return [.. starts];
    }

    public static int Compare(string left, string right)
    {
        for (var i = 0; i < Math.Min(left.Length, right.Length); i++)
        {
            var (a, b) = (left[i], right[i]);
            if (a != b)
                return char.IsSurrogate(a) == char.IsSurrogate(b) ? a.CompareTo(b) : char.IsSurrogate(a) ? 1 : -1;
        }
        return left.Length.CompareTo(right.Length);
    }

    public static string Strip(string text, object? characters = null, string side = "both")
    {
        var set = characters as string ?? WhiteSpace;
        if (characters is not (null or string))
            throw TemplateError.Type($"strip arg must be None or str, not {Python.TypeName(characters)}");
        var span = text.AsSpan();
        if (side != "right")
            span = span.TrimStart(set);
        return (side == "left" ? span : span.TrimEnd(set)) is var rest && (set.Length == 0 || rest.Length == text.Length) ? text
            : rest.ToString();
    }

    public static List<string> SplitLines(string text, bool keepsEnds = false)
    {
        var lines = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var end = text.AsSpan(start).IndexOfAny(_lineEnds);
            end = end < 0 ? text.Length : start + end;
            var next = end == text.Length ? end : end + (text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? 2 : 1);
            lines.Add(text[start..(keepsEnds ? next : end)]);
            start = next;
        }
        return lines;
    }

    public static string Lower(string text)
    {
        var result = new StringBuilder(text.Length);
        var runes = text.EnumerateRunes().ToArray();
        for (var i = 0; i < runes.Length; i++)
        {
            if (runes[i].Value == 0x3A3)
                result.Append(IsFinal(runes, i) ? 'ς' : 'σ');
            else if (UnicodeTables.Lowercase.TryGetValue(runes[i].Value, out var lower))
                Array.ForEach(lower, c => result.Append(char.ConvertFromUtf32(c)));
            else
                result.Append(runes[i]);
        }
        return result.ToString();
    }

    public static string Upper(string text)
    {
        if (!text.AsSpan().ContainsAny(_growing))
            return text.ToUpperInvariant();
        return string.Concat(text.Select(c => c switch
        {
            'ß' => "SS", 'ŉ' => "ʼN", 'ǰ' => "J̌", 'ΐ' => "Ϊ́", 'ΰ' => "Ϋ́", 'և' => "ԵՒ", 'ﬀ' => "FF", 'ﬁ' => "FI", 'ﬂ' => "FL",
            'ﬃ' => "FFI", 'ﬄ' => "FFL", 'ﬅ' or 'ﬆ' => "ST", _ => c.ToString(),
        })).ToUpperInvariant();
    }

    /// <summary>The first character upper, the rest lower.</summary>
    public static string Capitalize(string text) => text.Length == 0 ? "" : Upper(First(text)) + Lower(text[First(text).Length..]);

    public static string First(string text) => text[..(IsPair(text, 0) ? 2 : 1)];

    /// <summary>Makes a string, unless it would be longer than a value may be.</summary>
    public static string Checked(BigInteger length, Func<string> make) => length <= Composite.MaximumWeight ? make()
        : throw TemplateError.Limit($"a value of more than {Composite.MaximumWeight} characters and items");

    public static bool IsPair(string text, int at) => at >= 0 && at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]);

    // Greek's sigma at the end of a word has a form of its own
    private static bool IsFinal(Rune[] runes, int at)
    {
        var before = at - 1;
        while (before >= 0 && IsIgnorable(runes[before]))
            before--;
        var after = at + 1;
        while (after < runes.Length && IsIgnorable(runes[after]))
            after++;
        return before >= 0 && Rune.IsLetter(runes[before]) && !(after < runes.Length && Rune.IsLetter(runes[after]));
    }

    private static bool IsIgnorable(Rune rune) =>
        rune.Value is '\'' or '.' or ':' or 0xB7 or 0x2019 || CodePoints.Is(rune.Value, CodePoints.Mark);
}
