using System.Numerics;
using TransformerTorch.Text.Templates.Evaluation;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Library;

/// <summary>The filters over what can be looped over.</summary>
internal static class ListFilters
{
    private static readonly (string, object?) _attribute = ("attribute", null);
    private static readonly (string, object?) _caseSensitive = ("case_sensitive", false);

    public static readonly Dictionary<string, Function> All = new()
    {
        ["list"] = new((run, a) => PythonSequence.List(run.Iterate(a[0]))),
        ["first"] = new((run, a) => run.Iterate(a[0]).Take(1).ToArray() is [var item] ? item
            : new Undefined("No first item, sequence was empty.")),
        ["last"] = new((run, a) => Reversed(run, a[0]).Take(1).ToArray() is [var item] ? item
            : new Undefined("No last item, sequence was empty.")),
        ["reverse"] = new((run, a) => a[0] is string text ? string.Concat(Strings.Characters(text).Reverse())
            : new Generator(Reversed(run, a[0]))),
        ["join"] = new((run, a) => Join(run.Iterate(a[0]).Select(Getter(a[2], isCased: true)), PythonText.Of(a[1])), ("d", ""), _attribute),
        ["map"] = new((run, a) => new Generator(Map(run, a))),
        ["select"] = new((run, a) => Choose(run, a, isAttribute: false, keeps: true)),
        ["reject"] = new((run, a) => Choose(run, a, isAttribute: false, keeps: false)),
        ["selectattr"] = new((run, a) => Choose(run, a, isAttribute: true, keeps: true)),
        ["rejectattr"] = new((run, a) => Choose(run, a, isAttribute: true, keeps: false)),
        ["sum"] = new((run, a) => run.Iterate(a[0]).Select(Getter(a[1], isCased: true))
            .Aggregate(a[2], (sum, item) => Arithmetic.Apply("+", sum, item)),
            _attribute, ("start", BigInteger.Zero)),
        ["min"] = new((run, a) => Extreme(run, a, sign: -1), _caseSensitive, _attribute),
        ["max"] = new((run, a) => Extreme(run, a, sign: 1), _caseSensitive, _attribute),
        ["sort"] = new((run, a) => PythonSequence.List(Sorted(run.Iterate(a[0]), Getters(a[3], Python.IsTrue(a[2])), Python.IsTrue(a[1]))),
            ("reverse", false), _caseSensitive, _attribute),
        ["unique"] = new((run, a) => new Generator(run.Iterate(a[0]).DistinctBy(item => new Key(Getter(a[2], Python.IsTrue(a[1]))(item)))),
            _caseSensitive, _attribute),
        ["dictsort"] = new((run, a) => DictSort(a), _caseSensitive, ("by", "key"), ("reverse", false)),
        ["batch"] = new((run, a) => new Generator(Batch(run.Iterate(a[0]), Math.Max(Python.Index(a[1]), 1), a[2])),
            ("linecount", Function.Required), ("fill_with", null)),
        ["slice"] = new((run, a) => new Generator(Slice([.. run.Iterate(a[0])], Python.Index(a[1]), a[2])),
            ("slices", Function.Required), ("fill_with", null)),
        ["groupby"] = new((run, a) => GroupBy(run, a), ("attribute", Function.Required), ("default", null), _caseSensitive),
    };

    /// <summary>What stands at "a.b.0" of an item; without case, strings are lowered.</summary>
    public static Func<object?, object?> Getter(object? attribute, bool isCased, object? otherwise = null)
    {
        object?[] parts = attribute switch
        {
            null => [],
            string path => [.. path.Split('.')
                .Select(object? (part) => part.Length > 0 && part.All(char.IsAsciiDigit) ? BigInteger.Parse(part) : part)],
            _ => [attribute],
        };
        return item =>
        {
            foreach (var part in parts)
            {
                item = Access.Item(item, part);
                if (item is Undefined && otherwise is not null)
                    item = otherwise;
            }
            return !isCased && item is string text ? Strings.Lower(text) : item;
        };
    }

    public static string Join(IEnumerable<object?> items, string separator)
    {
        var (texts, length) = (new List<string>(), 0L);
        foreach (var item in items)
        {
            texts.Add(PythonText.Of(item));
            length += texts[^1].Length + separator.Length;
            Strings.Checked(length, () => "");
        }
        return string.Join(separator, texts);
    }

    private static IEnumerable<object?> Reversed(Interpreter run, object? value) => value is Generator
        ? throw TemplateError.Type("'generator' object is not reversible") : run.Iterate(value).Reverse();

    // A tuple even of one: Python compares what is in it for equality first, so that undefined values are no error.
    private static Func<object?, object?> Getters(object? attribute, bool isCased)
    {
        object?[] paths = attribute is string text ? text.Split(',') : [attribute];
        var getters = Array.ConvertAll(paths, path => Getter(path, isCased));
        return item => PythonSequence.Tuple(getters.Select(getter => getter(item)));
    }

    private static object?[] Sorted(IEnumerable<object?> items, Func<object?, object?> key, bool reverse)
    {
        var comparer = Comparer<object?>.Create((a, b) => Equality.Compare(a, b));
        try
        {
            return [.. reverse ? items.OrderByDescending(key, comparer) : items.OrderBy(key, comparer)];
        }
        catch (InvalidOperationException wrapped) when (wrapped.InnerException is TemplateError error)
        {
            throw new TemplateError(error.Kind, error.Message);
        }
    }

    private static IEnumerable<object?> Map(Interpreter run, Arguments a)
    {
        if (a.Positional.Count == 1 && a.Named.TryGetValue("attribute", out var attribute))
            return run.Iterate(a.Positional[0]).Select(Getter(attribute, isCased: true, a.Named.GetValueOrDefault("default")));
        if (a.Positional.Count < 2)
            throw new TemplateError("FilterArgumentError", "map requires a filter argument");
        var filter = PythonText.Of(a.Positional[1]);
        return run.Iterate(a.Positional[0]).Select(item => run.Filter(filter, a.Skip(2).Before(item)));
    }

    private static Generator Choose(Interpreter run, Arguments a, bool isAttribute, bool keeps)
    {
        var at = isAttribute ? 2 : 1;
        if (a.Positional.Count < at)
            throw new TemplateError("FilterArgumentError", "Missing parameter for attribute name");
        var getter = isAttribute ? Getter(a.Positional[1], isCased: true) : item => item;
        bool Holds(object? item) => a.Positional.Count == at ? Python.IsTrue(getter(item))
            : Python.IsTrue(run.Test(PythonText.Of(a.Positional[at]), a.Skip(at + 1).Before(getter(item))));
        return new Generator(Python.IsTrue(a.Positional[0]) ? run.Iterate(a.Positional[0]).Where(item => Holds(item) == keeps) : []);
    }

    private static object? Extreme(Interpreter run, object?[] a, int sign)
    {
        var key = Getter(a[2], Python.IsTrue(a[1]));
        var items = run.Iterate(a[0]).ToArray();
        return items.Length == 0 ? new Undefined("No aggregated item, sequence was empty.")
            : items.Skip(1).Aggregate(items[0], (best, item) => Equality.Compare(key(item), key(best)) * sign > 0 ? item : best);
    }

    private static PythonSequence DictSort(object?[] a)
    {
        if (a[2] is not ("key" or "value"))
            throw new TemplateError("FilterArgumentError", "You can only sort by either \"key\" or \"value\"");
        var dict = a[0] switch
        {
            PythonDict made => made,
            Undefined undefined => throw undefined.Error(),
            _ => throw new TemplateError("AttributeError", $"'{Python.TypeName(a[0])}' object has no attribute 'items'"),
        };
        var key = Getter(a[2] is "key" ? BigInteger.Zero : BigInteger.One, Python.IsTrue(a[1]));
        return PythonSequence.List(Sorted(dict.Tuples, key, Python.IsTrue(a[3])));
    }

    private static IEnumerable<object?> Batch(IEnumerable<object?> items, int size, object? fill) =>
        items.Chunk(size)
            .Select(chunk => PythonSequence.List(fill is null ? chunk : [.. chunk, .. Enumerable.Repeat(fill, size - chunk.Length)]));

    private static IEnumerable<object?> Slice(object?[] items, int slices, object? fill)
    {
        if (slices <= 0)
            throw new TemplateError("ZeroDivisionError", "integer division or modulo by zero");
        var (size, extra) = Math.DivRem(items.Length, slices);
        for (int slice = 0, start = 0; slice < slices; slice++)
        {
            var end = start + size + (slice < extra ? 1 : 0);
            yield return PythonSequence.List(fill is not null && slice >= extra ? [.. items[start..end], fill] : items[start..end]);
            start = end;
        }
    }

    private static PythonSequence GroupBy(Interpreter run, object?[] a)
    {
        var isCased = Python.IsTrue(a[3]);
        var key = Getter(a[1], isCased, a[2]);
        var groups = new List<(object? Key, List<object?> Items)>();
        foreach (var item in Sorted(run.Iterate(a[0]), key, reverse: false))
        {
            if (groups.Count == 0 || !Equality.AreEqual(groups[^1].Key, key(item)))
                groups.Add((key(item), []));
            groups[^1].Items.Add(item);
        }
        var shown = Getter(a[1], isCased: true, a[2]);
        return PythonSequence.List(groups.Select(group => PythonSequence.Tuple(shown(group.Items[0]), PythonSequence.List(group.Items))));
    }
}
