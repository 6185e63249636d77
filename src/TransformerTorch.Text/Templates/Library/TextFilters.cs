using System.Text.RegularExpressions;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Library;

/// <summary>The filters that make text of text.</summary>
internal static partial class TextFilters
{
    public static readonly Dictionary<string, Function> All = new()
    {
        ["string"] = Of(text => text),
        ["upper"] = Of(Strings.Upper),
        ["lower"] = Of(Strings.Lower),
        ["capitalize"] = Of(Strings.Capitalize),
        ["title"] = Of(text => string.Concat(WordStart().Split(text).Where(part => part.Length > 0)
            .Select(part => Strings.Upper(Strings.First(part)) + Strings.Lower(part[Strings.First(part).Length..])))),
        ["escape"] = Of(Escape),
        ["forceescape"] = Of(Escape),
        ["striptags"] = Of(text => Spaces().Replace(Tags().Replace(text, ""), " ").Trim()),
        ["urlencode"] = Of(UrlEncode),
        ["wordcount"] = new((_, a) => Python.Int(Word().Count(PythonText.Of(a[0])))),
        ["trim"] = new((_, a) => Strings.Strip(PythonText.Of(a[0]), a[1]), ("chars", null)),
        ["replace"] = new((_, a) =>
            TextMethods.Replace(PythonText.Of(a[0]), PythonText.Of(a[1]), PythonText.Of(a[2]), a[3] is null ? -1 : Python.Index(a[3])),
            ("old", Function.Required), ("new", Function.Required), ("count", null)),
        ["indent"] = new((_, a) => Indent(Text(a[0]), a[1], Python.IsTrue(a[2]), Python.IsTrue(a[3])),
            ("width", Python.Int(4)), ("first", false), ("blank", false)),
        ["center"] = new((_, a) => TextMethods.Pad(PythonText.Of(a[0]), Python.Index(a[1]), " ", '^'), ("width", Python.Int(80))),
        ["truncate"] = new((_, a) =>
            Truncate(Text(a[0]), Python.Index(a[1]), Python.IsTrue(a[2]), (Text(a[3]), a[4] is null ? 5 : Python.Index(a[4]))),
            ("length", Python.Int(255)), ("killwords", false), ("end", "..."), ("leeway", null)),
        ["format"] = new((_, a) => PercentFormat.Format(PythonText.Of(a.Positional[0]), a.Named.Count > 0
            ? new PythonDict(a.Named.Select(item => ((object?)item.Key, item.Value))) : PythonSequence.Tuple(a.Positional.Skip(1)))),
    };

    private static Function Of(Func<string, string> map) => new((_, a) => map(PythonText.Of(a[0])));

    private static string Text(object? value) => value switch
    {
        string text => text,
        Undefined undefined => throw undefined.Error(),
        _ => throw TemplateError.Type($"a string is expected, not {Python.TypeName(value)}"),
    };

    private static string Indent(string text, object? width, bool first, bool blank)
    {
        var indent = width as string ?? Strings.Checked(Python.Index(width), () => new string(' ', Math.Max(Python.Index(width), 0)));
        var lines = Strings.SplitLines(text + "\n");
        var result = Strings.Checked(text.Length + ((long)lines.Count * indent.Length), () =>
            lines[0] + string.Concat(lines.Skip(1).Select(line => "\n" + (blank || line.Length > 0 ? indent : "") + line)));
        return first ? indent + result : result;
    }

    private static string Truncate(string text, int length, bool killsWords, (string End, int Leeway) rest)
    {
        var starts = Strings.Starts(text);
        var kept = length - Strings.Length(rest.End);
        if (kept < 0)
            throw new TemplateError("AssertionError", $"expected length >= {Strings.Length(rest.End)}, got {length}");
        if (starts.Length - 1 <= length + (long)rest.Leeway)
            return text;
        var head = text[..starts[kept]];
        var space = killsWords ? -1 : head.LastIndexOf(' ');
        return (space < 0 ? head : head[..space]) + rest.End;
    }

    private static string Escape(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal).Replace("'", "&#39;", StringComparison.Ordinal)
        .Replace("\"", "&#34;", StringComparison.Ordinal);

    private static string UrlEncode(string text) => Uri.EscapeDataString(text).Replace("%2F", "/", StringComparison.Ordinal);

    [GeneratedRegex(@"([-\s({\[<]+)")]
    private static partial Regex WordStart();

    [GeneratedRegex(@"<!--.*?-->|<[^>]*>", RegexOptions.Singleline | RegexOptions.NonBacktracking)]
    private static partial Regex Tags();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
