using System.Globalization;
using System.Numerics;
using TransformerTorch.Text.Templates.Evaluation;
using TransformerTorch.Text.Templates.Values;

namespace TransformerTorch.Text.Templates.Library;

/// <summary>The functions that every template has.</summary>
internal static class Globals
{
    public static IEnumerable<KeyValuePair<string, object?>> All(Interpreter interpreter, DateTimeOffset now)
    {
        KeyValuePair<string, object?> Function(string name, Func<Arguments, object?> body) => new(name, new BoundFunction(body));
        yield return Function("range", Range);
        yield return Function("dict", arguments => new PythonDict(Pairs(arguments)));
        yield return Function("namespace", arguments => new Namespace(Pairs(arguments)));
        yield return Function("cycler", arguments => new Cycler(arguments.Positional));
        yield return Function("joiner", arguments => new Joiner(One(arguments, ", ")));
        yield return Function("raise_exception", arguments => throw new TemplateError("TemplateError", PythonText.Of(One(arguments))));
        yield return Function("strftime_now", arguments => DateFormat.Format(now, TextMethods.Text(One(arguments))));
    }

    private static object? One(Arguments arguments, object? otherwise = null) =>
        arguments.Positional.Count == 1 && arguments.Named.Count == 0 ? arguments.Positional[0]
        : arguments.Positional.Count == 0 && arguments.Named.Count == 1 ? arguments.Named.Values.First()
        : otherwise ?? throw TemplateError.Type("the function takes one argument");

    private static PythonRange Range(Arguments arguments)
    {
        long At(int index) => (long)BigInteger.Clamp(Python.Integer(arguments.Positional[index]), long.MinValue, long.MaxValue);
        return arguments.Positional.Count switch
        {
            1 => new PythonRange(0, At(0), 1),
            2 => new PythonRange(At(0), At(1), 1),
            3 => new PythonRange(At(0), At(1), At(2)),
            var count => throw TemplateError.Type($"range expected 1 to 3 arguments, got {count}"),
        };
    }

    private static IEnumerable<(object? Key, object? Value)> Pairs(Arguments arguments)
    {
        var given = arguments.Positional.Count switch
        {
            0 => [],
            1 when arguments.Positional[0] is PythonDict dict => dict.Pairs,
            1 => Python.Iterate(arguments.Positional[0])
                .Select(pair => Python.Iterate(pair).ToArray() is [var key, var value] ? (key, value)
                : throw TemplateError.Value("dictionary update sequence element must have length 2")),
            _ => throw TemplateError.Type("dict expected at most 1 argument"),
        };
        return given.Concat(arguments.Named.Select(item => ((object?)item.Key, item.Value)));
    }

    private sealed class Cycler(IReadOnlyList<object?> items) : IAttributes
    {
        private readonly IReadOnlyList<object?> _items = items.Count > 0 ? items
            : throw new TemplateError("RuntimeError", "at least one item has to be provided");
        private int _at;

        public bool TryGet(string name, out object? value)
        {
            value = name switch
            {
                "current" => _items[_at],
                "next" => new BoundFunction(_ => Next()),
                "reset" => new BoundFunction(_ => { _at = 0; return null; }),
                _ => null,
            };
            return name is "current" or "next" or "reset";
        }

        private object? Next()
        {
            var item = _items[_at];
            _at = (_at + 1) % _items.Count;
            return item;
        }
    }

    private sealed class Joiner(object? separator) : Callable
    {
        private bool _isUsed;

        public override object? Invoke(Arguments arguments)
        {
            var result = _isUsed ? separator : "";
            _isUsed = true;
            return result;
        }
    }
}
