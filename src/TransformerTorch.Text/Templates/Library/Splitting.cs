using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Library;

/// <summary>str.split, rsplit and partition.</summary>
internal static class Splitting
{
    public static IEnumerable<string> Split(string text, object? separator, int limit)
    {
        if (separator is not null)
            return text.Split(Separator(separator), limit < 0 ? int.MaxValue : limit == int.MaxValue ? limit : limit + 1);
        var (words, at) = (new List<string>(), 0);
        while (true)
        {
            while (at < text.Length && Strings.IsSpace(text[at]))
                at++;
            if (at == text.Length)
                return words;
            var end = at;
            while (end < text.Length && !Strings.IsSpace(text[end]))
                end++;
            if (limit >= 0 && words.Count == limit)
                return [.. words, text[at..]];
            words.Add(text[at..end]);
            at = end;
        }
    }

    public static IEnumerable<string> SplitFromRight(string text, object? separator, int limit)
    {
        if (limit < 0)
            return Split(text, separator, limit);
        var parts = new List<string>();
        var rest = separator is null ? Strings.Strip(text, null, "right") : text;
        while (parts.Count < limit && (separator is not null || rest.Length > 0))
        {
            var (at, length) = separator is null ? (LastSpace(rest), 1)
                : (rest.LastIndexOf(Separator(separator), StringComparison.Ordinal), Separator(separator).Length);
            if (at < 0)
                break;
            parts.Add(rest[(at + length)..]);
            rest = separator is null ? Strings.Strip(rest[..at], null, "right") : rest[..at];
        }
        if (separator is not null || rest.Length > 0)
            parts.Add(separator is null && parts.Count < limit ? Strings.Strip(rest, null, "left") : rest);
        parts.Reverse();
        return parts.Where(part => separator is not null || part.Length > 0);
    }

    public static PythonSequence Partition(string text, string separator, bool isLast)
    {
        var at = isLast ? text.LastIndexOf(Separator(separator), StringComparison.Ordinal)
            : text.IndexOf(Separator(separator), StringComparison.Ordinal);
        return at >= 0 ? PythonSequence.Tuple(text[..at], separator, text[(at + separator.Length)..])
            : isLast ? PythonSequence.Tuple("", "", text) : PythonSequence.Tuple(text, "", "");
    }

    private static int LastSpace(string text)
    {
        var at = text.Length - 1;
        while (at >= 0 && !Strings.IsSpace(text[at]))
            at--;
        return at;
    }

    private static string Separator(object separator) =>
        TextMethods.Text(separator) is { Length: > 0 } text ? text : throw TemplateError.Value("empty separator");
}
