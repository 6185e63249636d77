using System.Numerics;
using TransformerTorch.Text.Templates.Library;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Evaluation;

/// <summary>value.name, value[key] and value[a:b:c] as Jinja's sandbox finds them: each
/// falls back on the other, then on undefined.</summary>
internal static class Access
{
    public static object? Attribute(object? value, string name)
    {
        if (value is Undefined undefined)
            throw undefined.Error();
        if (Own(value, name, out var own))
            return own;
        return value is PythonDict dict && dict.TryGet(name, out var item) ? item : Undefined.Of(value, name);
    }

    public static object? Item(object? value, object? key)
    {
        switch (value)
        {
            case Undefined undefined:
                throw undefined.Error();
            case PythonDict dict when IsHashable(key) && dict.TryGet(key, out var item):
                return item;
            case string or PythonSequence or PythonRange when PythonNumber.AsInteger(key) is { } index:
                return At(value, index) is (true, var found) ? found : Undefined.Of(value, key);
            default:
                return key is string name && Own(value, name, out var own) ? own : Undefined.Of(value, key);
        }
    }

    public static object? Slice(object? value, object? start, object? stop, object? step)
    {
        if (value is Undefined undefined)
            throw undefined.Error();
        if (value is not (string or PythonSequence or PythonRange))
            return Undefined.Of(value, $"slice({PythonText.Repr(start)}, {PythonText.Repr(stop)}, {PythonText.Repr(step)})");
        var length = Python.Length(value)!.Value;
        var by = step is null ? 1 : Python.Index(step);
        if (by == 0)
            throw TemplateError.Value("slice step cannot be zero");
        var (low, high) = by > 0 ? (0, length) : (-1, length - 1);
        int Bound(object? bound, int otherwise) => bound is null ? otherwise
            : Math.Clamp(Python.Index(bound) is var at && at < 0 ? Math.Max((long)at + length, -1) : at, low, high)
                is var clamped ? (int)clamped : 0;
        var indexes = Indexes(Bound(start, by > 0 ? low : high), Bound(stop, by > 0 ? high : low), by);
        return value switch
        {
            string text => Pick(text, indexes),
            PythonSequence sequence => new PythonSequence(indexes.Select(i => sequence.Items[i]), sequence.IsTuple),
            var range => PythonSequence.List(indexes.Select(i => ((PythonRange)range)[i])),
        };
    }

    private static IEnumerable<int> Indexes(int start, int stop, int step)
    {
        for (long i = start; step > 0 ? i < stop : i > stop; i += step)
            yield return (int)i;
    }

    private static string Pick(string text, IEnumerable<int> indexes)
    {
        var starts = Strings.Starts(text);
        return string.Concat(indexes.Select(i => text[starts[i]..starts[i + 1]]));
    }

    private static (bool, object?) At(object value, BigInteger index)
    {
        var length = Python.Length(value)!.Value;
        index += index.Sign < 0 ? length : 0;
        if (index.Sign < 0 || index >= length)
            return (false, null);
        var at = (int)index;
        return (true, value switch
        {
            string text => Pick(text, [at]),
            PythonSequence sequence => sequence.Items[at],
            _ => ((PythonRange)value)[at],
        });
    }

    private static bool Own(object? value, string name, out object? own)
    {
        own = null;
        if (value is Namespace space)
            return space.Attributes.TryGetValue(name, out own);
        if (value is IAttributes attributes)
            return attributes.TryGet(name, out own);
        own = Methods.Find(value, name);
        return own is not null;
    }

    private static bool IsHashable(object? key) =>
        key is not (PythonDict or PythonSequence { IsTuple: false }) && (key is not PythonSequence tuple || tuple.Items.All(IsHashable));
}
