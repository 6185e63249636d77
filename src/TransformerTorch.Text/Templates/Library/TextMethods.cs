using System.Numerics;
using TransformerTorch.Text.Templates.Evaluation;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Library;

/// <summary>The methods of Python's str.</summary>
internal static class TextMethods
{
    private static readonly (string, object?) _chars = ("chars", null);
    private static readonly (string, object?)[] _split = [("sep", null), ("maxsplit", Python.Int(-1))];
    private static readonly (string, object?)[] _find = [("sub", Function.Required), ("start", null), ("end", null)];
    private static readonly (string, object?)[] _pad = [("width", Function.Required), ("fillchar", " ")];

    public static readonly Dictionary<string, Function> All = new(StringComparer.Ordinal)
    {
        ["strip"] = Of((text, a) => Strings.Strip(text, a[1]), _chars),
        ["lstrip"] = Of((text, a) => Strings.Strip(text, a[1], "left"), _chars),
        ["rstrip"] = Of((text, a) => Strings.Strip(text, a[1], "right"), _chars),
        ["upper"] = Of((text, _) => Strings.Upper(text)),
        ["lower"] = Of((text, _) => Strings.Lower(text)),
        ["casefold"] = Of((text, _) => Strings.Lower(text).Replace("ß", "ss", StringComparison.Ordinal)),
        ["capitalize"] = Of((text, _) => Strings.Capitalize(text)),
        ["title"] = Of((text, _) => Title(text)),
        ["swapcase"] = Of((text, _) => string.Concat(text.Select(c => char.IsUpper(c) ? Strings.Lower($"{c}") : Strings.Upper($"{c}")))),
        ["split"] = Of((text, a) => PythonSequence.List(Splitting.Split(text, a[1], Python.Index(a[2]))), _split),
        ["rsplit"] = Of((text, a) => PythonSequence.List(Splitting.SplitFromRight(text, a[1], Python.Index(a[2]))), _split),
        ["splitlines"] = Of((text, a) => PythonSequence.List(Strings.SplitLines(text, Python.IsTrue(a[1]))), ("keepends", false)),
        ["partition"] = Of((text, a) => Splitting.Partition(text, Text(a[1]), isLast: false), ("sep", Function.Required)),
        ["rpartition"] = Of((text, a) => Splitting.Partition(text, Text(a[1]), isLast: true), ("sep", Function.Required)),
        ["startswith"] = Of((text, a) =>
            Python.Bool(Affixes(a[1]).Any(affix => Part(text, a) is { } part && part.StartsWith(affix, StringComparison.Ordinal))),
            ("prefix", Function.Required), ("start", null), ("end", null)),
        ["endswith"] = Of((text, a) =>
            Python.Bool(Affixes(a[1]).Any(affix => Part(text, a) is { } part && part.EndsWith(affix, StringComparison.Ordinal))),
            ("suffix", Function.Required), ("start", null), ("end", null)),
        ["removeprefix"] = Of((text, a) => text.StartsWith(Text(a[1]), StringComparison.Ordinal) ? text[Text(a[1]).Length..] : text,
            ("prefix", Function.Required)),
        ["removesuffix"] = Of((text, a) => text.EndsWith(Text(a[1]), StringComparison.Ordinal) ? text[..^Text(a[1]).Length] : text,
            ("suffix", Function.Required)),
        ["replace"] = Of((text, a) => Replace(text, Text(a[1]), Text(a[2]), Python.Index(a[3])),
            ("old", Function.Required), ("new", Function.Required), ("count", Python.Int(-1))),
        ["find"] = Of((text, a) => Python.Int(Find(text, a, isLast: false)), _find),
        ["rfind"] = Of((text, a) => Python.Int(Find(text, a, isLast: true)), _find),
        ["index"] = Of((text, a) => Python.Int(Found(Find(text, a, isLast: false))), _find),
        ["rindex"] = Of((text, a) => Python.Int(Found(Find(text, a, isLast: true))), _find),
        ["count"] = Of((text, a) => Python.Int(Count(Part(text, a) ?? "", Text(a[1]))), _find),
        ["join"] = new((run, a) => ListFilters.Join(run.Iterate(a[1]).Select(Item), (string)a[0]!), ("iterable", Function.Required)),
        ["format"] = new((_, a) => BraceFormat.Format((string)a.Positional[0]!, a.Skip(1), Access.Item)),
        ["zfill"] = Of((text, a) => text.Length > 0 && text[0] is '-' or '+' ? text[0] + Pad(text[1..], Python.Index(a[1]) - 1, "0", '>')
            : Pad(text, Python.Index(a[1]), "0", '>'), ("width", Function.Required)),
        ["ljust"] = Of((text, a) => Pad(text, Python.Index(a[1]), Text(a[2]), '<'), _pad),
        ["rjust"] = Of((text, a) => Pad(text, Python.Index(a[1]), Text(a[2]), '>'), _pad),
        ["center"] = Of((text, a) => Pad(text, Python.Index(a[1]), Text(a[2]), '^'), _pad),
        ["isspace"] = Is(Strings.IsSpace),
        ["isdigit"] = Is(char.IsDigit),
        ["isdecimal"] = Is(char.IsDigit),
        ["isnumeric"] = Is(char.IsNumber),
        ["isalpha"] = Is(char.IsLetter),
        ["isalnum"] = Is(c => char.IsLetter(c) || char.IsNumber(c)),
        ["isascii"] = Of((text, _) => Python.Bool(text.All(char.IsAscii))),
        ["isupper"] = Of((text, _) => Python.Bool(Tests.IsCase(text, isUpper: true))),
        ["islower"] = Of((text, _) => Python.Bool(Tests.IsCase(text, isUpper: false))),
        ["istitle"] = Of((text, _) => Python.Bool(text.Any(char.IsLetter) && Title(text) == text)),
    };

    public static string Replace(string text, string old, string with, int count)
    {
        if (count < 0 && old.Length > 0 && with.Length <= old.Length)
            return text.Replace(old, with, StringComparison.Ordinal);
        var (result, at) = (new System.Text.StringBuilder(), 0);
        for (var left = count < 0 ? int.MaxValue : count; left > 0; left--)
        {
            var next = old.Length > 0 ? text.IndexOf(old, at, StringComparison.Ordinal)
                : result.Length == 0 && at == 0 ? 0
                : at + (Strings.IsPair(text, at) ? 2 : 1);
            if (next < 0 || next > text.Length)
                break;
            result.Append(text, at, next - at).Append(with);
            Strings.Checked(result.Length, () => "");
            at = next + old.Length;
            if (old.Length == 0 && with.Length == 0)
                break;
        }
        return result.Append(text, at, text.Length - at).ToString();
    }

    public static string Pad(string text, int width, string fill, char align)
    {
        if (Strings.Length(fill) != 1)
            throw TemplateError.Type("The fill character must be exactly one character long");
        var missing = width - Strings.Length(text);
        if (missing <= 0)
            return text;
        var left = align == '<' ? 0 : align == '>' ? missing : (missing / 2) + (missing & width & 1);
        return Strings.Checked(missing * (long)fill.Length, () => Repeat(fill, left) + text + Repeat(fill, missing - left));
    }

    /// <summary>An argument that must be a string.</summary>
    public static string Text(object? value) => value switch
    {
        string text => text,
        Undefined => throw TemplateError.Type("must be str, not Undefined"),
        _ => throw TemplateError.Type($"must be str, not {Python.TypeName(value)}"),
    };

    private static Function Of(Func<string, object?[], object?> body, params (string, object?)[] parameters) =>
        new((_, a) => body((string)a[0]!, a), parameters);

    private static Function Is(Func<char, bool> test) => Of((text, _) => Python.Bool(text.Length > 0 && text.All(test)));

    private static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));

    private static string Item(object? value) => value as string
        ?? throw TemplateError.Type($"sequence item: expected str instance, {Python.TypeName(value)} found");

    private static IEnumerable<string> Affixes(object? value) =>
        value is PythonSequence { IsTuple: true } tuple ? tuple.Items.Select(Text) : [Text(value)];

    /// <summary>text[start:end] by arguments 2 and 3, or null where start lies beyond the end.</summary>
    private static string? Part(string text, object?[] a)
    {
        var starts = Strings.Starts(text);
        var (start, end) = Bounds(starts.Length - 1, a);
        return start > end ? null : text[starts[start]..starts[end]];
    }

    private static (int Start, int End) Bounds(int length, object?[] a)
    {
        int Bound(object? value, int otherwise) => value is null ? otherwise
            : Python.Index(value) is var at && at < 0 ? Math.Max(at + length, 0) : at;
        return (Bound(a[2], 0), Math.Min(Bound(a[3], length), length));
    }

    private static int Find(string text, object?[] a, bool isLast)
    {
        if (Part(text, a) is not { } part)
            return -1;
        var at = isLast ? part.LastIndexOf(Text(a[1]), StringComparison.Ordinal) : part.IndexOf(Text(a[1]), StringComparison.Ordinal);
        return at < 0 ? -1 : Strings.Length(part[..at]) + Bounds(Strings.Length(text), a).Start;
    }

    private static int Found(int at) => at >= 0 ? at : throw TemplateError.Value("substring not found");

    private static int Count(string text, string part)
    {
        if (part.Length == 0)
            return Strings.Length(text) + 1;
        var count = 0;
        for (var at = text.IndexOf(part, StringComparison.Ordinal); at >= 0;
             at = text.IndexOf(part, at + part.Length, StringComparison.Ordinal))
            count++;
        return count;
    }

    private static string Title(string text)
    {
        var (result, isInside) = (new System.Text.StringBuilder(text.Length), false);
        foreach (var c in text)
        {
            result.Append(isInside ? Strings.Lower($"{c}") : Strings.Upper($"{c}") is [var first, .. var rest]
                ? first + Strings.Lower(rest)
                : "");
            isInside = char.IsUpper(c) || char.IsLower(c);
        }
        return result.ToString();
    }
}
