using System.Globalization;
using System.Text;

namespace TransformerTorch.Training.Metrics;

/// <summary>How <see cref="Bleu"/> cuts texts.</summary>
public enum BleuTokenizer
{
    /// <summary>As mteval-v13a, for languages in Latin script.</summary>
    V13a,

    /// <summary>As mteval-v14: punctuation and symbols of all scripts.</summary>
    International,

    /// <summary>Into characters.</summary>
    Characters,

    /// <summary>At white space alone: the texts are cut already.</summary>
    None,
}

/// <summary>The rules of mteval's scripts, as sacreBLEU has them.</summary>
internal static class BleuTokenizers
{
    public static IReadOnlyList<string> Cut(string text, BleuTokenizer tokenizer)
    {
        var end = text.Length;
        while (end > 0 && NGrams.IsSpace(text[end - 1])) end--;
        var line = text[..end];
        return NGrams.Words(tokenizer switch
        {
            BleuTokenizer.V13a => V13a(line),
            BleuTokenizer.International => International(line),
            BleuTokenizer.Characters => string.Join(' ', NGrams.Characters(line)),
            _ => line,
        });
    }

    private static string V13a(string line)
    {
        line = line.Replace("<skipped>", "", StringComparison.Ordinal).Replace("-\n", "", StringComparison.Ordinal).Replace('\n', ' ');
        line = line.Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal)
            .Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal);
        line = Apart($" {line} ", r => r.Value is (>= '{' and <= '~') or (>= '[' and <= '`') or (>= ' ' and <= '&')
            or (>= '(' and <= '+') or (>= ':' and <= '@') or '/');
        line = Before(line, r => !IsDigit(r), IsPoint);
        line = After(line, IsPoint, r => !IsDigit(r));
        return Before(line, IsDigit, r => r.Value == '-');

        static bool IsDigit(Rune r) => r.Value is >= '0' and <= '9';
        static bool IsPoint(Rune r) => r.Value is '.' or ',';
    }

    private static string International(string line)
    {
        line = Before(line, r => !IsNumber(r), IsPunctuation);
        line = After(line, IsPunctuation, r => !IsNumber(r));
        return Apart(line, r => Rune.GetUnicodeCategory(r) is >= UnicodeCategory.MathSymbol and <= UnicodeCategory.OtherSymbol);

        static bool IsNumber(Rune r) => Rune.GetUnicodeCategory(r)
            is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
        static bool IsPunctuation(Rune r) => Rune.GetUnicodeCategory(r)
            is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation;
    }

    private static string Apart(string line, Func<Rune, bool> what)
        => string.Concat(line.EnumerateRunes().Select(r => what(r) ? $" {r} " : $"{r}"));

    /// <summary>first, then second: <c>first second </c> with spaces about the second.</summary>
    private static string Before(string line, Func<Rune, bool> first, Func<Rune, bool> second)
        => Pairwise(line, first, second, (a, b) => $"{a} {b} ");

    /// <summary>first, then second: spaces about the first.</summary>
    private static string After(string line, Func<Rune, bool> first, Func<Rune, bool> second)
        => Pairwise(line, first, second, (a, b) => $" {a} {b}");

    // From left to right, a pair found is passed over whole, as a regular expression's replacement does.
    private static string Pairwise(string line, Func<Rune, bool> first, Func<Rune, bool> second, Func<Rune, Rune, string> written)
    {
        var (runes, result) = (line.EnumerateRunes().ToList(), new StringBuilder());
        for (var i = 0; i < runes.Count; i++)
        {
            if (i + 1 < runes.Count && first(runes[i]) && second(runes[i + 1])) result.Append(written(runes[i], runes[++i]));
            else result.Append(runes[i]);
        }
        return result.ToString();
    }
}
