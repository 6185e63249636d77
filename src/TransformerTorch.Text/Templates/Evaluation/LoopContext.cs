using System.Numerics;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Evaluation;

/// <summary>The variable `loop` of a for statement; called, it renders a recursive loop's body over other items.</summary>
internal sealed class LoopContext(IReadOnlyList<object?> items, int depth, Func<object?, string>? recurse) : Callable, IAttributes
{
    private Arguments? _changed;

    public int Index { get; set; }

    public override object? Invoke(Arguments arguments)
    {
        if (recurse is null)
            throw TemplateError.Type("The loop must have the 'recursive' marker to be called recursively.");
        return arguments.Positional.Count == 1 ? recurse(arguments.Positional[0]) : throw TemplateError.Type("loop() takes one argument");
    }

    public bool TryGet(string name, out object? value)
    {
        value = name switch
        {
            "index" => Python.Int(Index + 1),
            "index0" => Python.Int(Index),
            "revindex" => Python.Int(items.Count - Index),
            "revindex0" => Python.Int(items.Count - Index - 1),
            "first" => Python.Bool(Index == 0),
            "last" => Python.Bool(Index == items.Count - 1),
            "length" => Python.Int(items.Count),
            "depth" => Python.Int(depth),
            "depth0" => Python.Int(depth - 1),
            "previtem" => Index > 0 ? items[Index - 1] : new Undefined("there is no previous item"),
            "nextitem" => Index + 1 < items.Count ? items[Index + 1] : new Undefined("there is no next item"),
            "cycle" => new BoundFunction(Cycle),
            "changed" => new BoundFunction(Changed),
            _ => null,
        };
        return value is not null || name is "previtem" or "nextitem";
    }

    public override string ToString() => $"<LoopContext {Index + 1}/{items.Count}>";

    private object? Cycle(Arguments arguments) => arguments.Positional.Count > 0 ? arguments.Positional[Index % arguments.Positional.Count]
        : throw TemplateError.Type("no items for cycling given");

    private object Changed(Arguments arguments)
    {
        var isSame = _changed is not null && _changed.Positional.Count == arguments.Positional.Count
            && _changed.Positional.Zip(arguments.Positional).All(pair => Equality.AreEqual(pair.First, pair.Second));
        _changed = arguments;
        return Python.Bool(!isSame);
    }
}
