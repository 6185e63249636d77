using System.Collections;

namespace TransformerTorch.Text.Templates.Values;

/// <summary>
/// A value made of values. It cannot change once made, and knows how heavy it is (its strings' characters and its items, wherever
/// shared) and how deep: so printing, comparing or hashing it is bounded by what was checked when it was made.
/// </summary>
internal abstract class Composite
{
    public const long MaximumWeight = 32_000_000;
    private const int MaximumDepth = 100;

    public long Weight { get; private set; } = 1;

    private int Depth { get; set; } = 1;

    public static long WeightOf(object? value) => value switch { string text => 1 + text.Length, Composite made => made.Weight, _ => 1 };

    protected void Weigh(object? item)
    {
        Weight += WeightOf(item);
        if (item is Composite made)
            Depth = Math.Max(Depth, made.Depth + 1);
        if (Weight > MaximumWeight)
            throw TemplateError.Limit($"a value of more than {MaximumWeight} characters and items");
        if (Depth > MaximumDepth)
            throw TemplateError.Limit($"values nested deeper than {MaximumDepth}");
    }
}

/// <summary>A Python list or tuple.</summary>
internal sealed class PythonSequence : Composite
{
    public PythonSequence(IEnumerable<object?> items, bool isTuple = false)
    {
        var list = new List<object?>();
        foreach (var item in items)
        {
            Weigh(item);
            list.Add(item);
        }
        (Items, IsTuple) = (list, isTuple);
    }

    public IReadOnlyList<object?> Items { get; }

    public bool IsTuple { get; }

    public static PythonSequence List(params IEnumerable<object?> items) => new(items);

    public static PythonSequence Tuple(params IEnumerable<object?> items) => new(items, isTuple: true);
}

/// <summary>A Python dict: keys in the order they came.</summary>
internal sealed class PythonDict : Composite
{
    private readonly OrderedDictionary<Key, object?> _items = [];

    public PythonDict(IEnumerable<(object? Key, object? Value)> items)
    {
        foreach (var (key, value) in items)
        {
            Weigh(key);
            Weigh(value);
            _items[new Key(key)] = value;
        }
    }

    public int Count => _items.Count;

    public IEnumerable<object?> Keys => _items.Keys.Select(key => key.Value);

    public IEnumerable<object?> Values => _items.Values;

    public IEnumerable<(object? Key, object? Value)> Pairs => _items.Select(item => (item.Key.Value, item.Value));

    public IEnumerable<PythonSequence> Tuples => _items.Select(item => PythonSequence.Tuple(item.Key.Value, item.Value));

    public bool TryGet(object? key, out object? value) => _items.TryGetValue(new Key(key), out value);

    public bool Contains(object? key) => _items.ContainsKey(new Key(key));
}

/// <summary>range(start, stop, step), not longer than the sandbox allows.</summary>
internal sealed class PythonRange(long start, long stop, long step) : IEnumerable<object?>
{
    public long Start => start;

    public long Stop => stop;

    public long Step => step;

    public int Count { get; } = Length(start, stop, step);

    public object this[int index] => new System.Numerics.BigInteger(start + (index * step));

    public IEnumerator<object?> GetEnumerator() => Enumerable.Range(0, Count).Select(object? (i) => this[i]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static int Length(long start, long stop, long step)
    {
        if (step == 0)
            throw TemplateError.Value("range() arg 3 must not be zero");
        var span = step > 0 ? (Int128)stop - start : (Int128)start - stop;
        var size = Int128.Abs(step);
        var count = span <= 0 ? 0 : (span + size - 1) / size;
        return count <= 100_000 ? (int)count
            : throw new TemplateError("OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
    }
}

/// <summary>What Python passes over once: the result of map, select, items ...</summary>
internal sealed class Generator(IEnumerable<object?> items) : IEnumerable<object?>
{
    private readonly IEnumerator<object?> _items = items.GetEnumerator();

    public IEnumerator<object?> GetEnumerator()
    {
        while (_items.MoveNext())
            yield return _items.Current;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>dict.keys(), dict.values() or dict.items().</summary>
internal sealed class DictView(string name, PythonDict dict, IEnumerable<object?> items) : IEnumerable<object?>
{
    public string Name => name;

    public int Count => dict.Count;

    public PythonDict Dict => dict;

    public IEnumerator<object?> GetEnumerator() => items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
