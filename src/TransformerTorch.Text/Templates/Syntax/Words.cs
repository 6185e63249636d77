using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TransformerTorch.Text.Templates.Syntax;

/// <summary>The names, numbers, strings and operators inside a tag.</summary>
internal static partial class Words
{
    private static readonly string[] _operators =
        ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":",
         "|", ",", ";"];

    /// <summary>The token that begins at a position that is not white space, and how many characters it takes.</summary>
    public static (TokenKind Kind, string Text, int Length) Next(string source, int at, Func<string, Exception> error)
    {
        if (source[at] is '\'' or '"')
        {
            var end = ClosingQuote(source, at);
            return end < 0 ? throw error("a string is not closed")
                : (TokenKind.String, Unescape(source[(at + 1)..end], error), end + 1 - at);
        }
        if (char.IsAsciiDigit(source[at]))
        {
            if ((at == 0 || source[at - 1] != '.') && Float().Match(source, at) is { Success: true } number)
                return (TokenKind.Float, number.Value.Replace("_", "", StringComparison.Ordinal), number.Length);
            var integer = Integer().Match(source, at);
            return (TokenKind.Integer, integer.Value.Replace("_", "", StringComparison.Ordinal), integer.Length);
        }
        if (NamePattern().Match(source, at) is { Success: true } name)
            return (TokenKind.Name, name.Value, name.Length);
        foreach (var text in _operators)
        {
            if (string.CompareOrdinal(source, at, text, 0, text.Length) == 0)
                return (TokenKind.Operator, text, text.Length);
        }
        throw error($"unexpected character {Values.PythonText.Repr(source[at].ToString())}");
    }

    private static int ClosingQuote(string source, int start)
    {
        for (var i = start + 1; i < source.Length; i++)
        {
            if (source[i] == '\\')
                i++;
            else if (source[i] == source[start])
                return i;
        }
        return -1;
    }

    private static string Unescape(string text, Func<string, Exception> error)
    {
        if (!text.Contains('\\'))
            return text;
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
                result.Append(text[i]);
            else
                Escape(text, ref i, result, error);
        }
        return result.ToString();
    }

    private static void Escape(string text, ref int i, StringBuilder result, Func<string, Exception> error)
    {
        var c = text[++i];
        var simple = "\n\\'\"abfnrtv".IndexOf(c, StringComparison.Ordinal);
        if (simple == 0)
            return;
        if (simple > 0)
        {
            result.Append("\n\\'\"\a\b\f\n\r\t\v"[simple]);
        }
        else if (c is 'x' or 'u' or 'U')
        {
            var digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
            if (i + digits >= text.Length
                || !int.TryParse(text.AsSpan(i + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
                || code is < 0 or > 0x10FFFF)
                throw error($"a truncated or impossible \\{c} escape");
            result.Append(code is >= 0xD800 and <= 0xDFFF or < 0x10000 ? ((char)code).ToString() : char.ConvertFromUtf32(code));
            i += digits;
        }
        else if (c is >= '0' and <= '7')
        {
            var (code, end) = (0, Math.Min(i + 3, text.Length));
            for (; i < end && text[i] is >= '0' and <= '7'; i++)
                code = (code * 8) + text[i] - '0';
            i--;
            result.Append((char)code);
        }
        else
        {
            result.Append('\\').Append(c);
        }
    }

    [GeneratedRegex(@"\G(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)", RegexOptions.ECMAScript)]
    private static partial Regex Float();

    [GeneratedRegex(@"\G(?:0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*)", RegexOptions.ECMAScript)]
    private static partial Regex Integer();

    [GeneratedRegex(@"\G\w+")]
    private static partial Regex NamePattern();
}
