using System.Globalization;
using System.Text;

namespace TransformerTorch.Generation.Grammars;

/// <summary>
/// A schema's <c>pattern</c> as a rule of what stands between a JSON string's quotes: ECMA-262's regular expressions as far as they are
/// regular. Where it has no ^ or $, any text may stand before or after.
/// </summary>
internal sealed class StringPattern
{
    private const int Last = 0x10FFFF, MostCount = 10_000;
    private readonly Rule _anything = new Repeat(Characters([(0, Last)]), new Series(), 0, int.MaxValue);
    private readonly int[] _pattern; // code points
    private int _at;

    private StringPattern(string pattern) => _pattern = [.. pattern.EnumerateRunes().Select(r => r.Value)];

    /// <exception cref="SchemaException">The pattern is damaged, or asks for what is not regular.</exception>
    public static Rule Compile(string pattern, string path)
    {
        try
        {
            var parser = new StringPattern(pattern);
            var rule = parser.Alternatives(outermost: true);
            return parser._at == parser._pattern.Length ? rule : throw Unsupported(")");
        }
        catch (SchemaException e)
        {
            throw new SchemaException($"{path}/pattern: {e.Message}");
        }
    }

    private Rule Alternatives(bool outermost = false)
    {
        SchemaReader.RequireStack();
        var options = new List<Rule>();
        do
        {
            var parts = new List<Rule>();
            if (outermost && !Take('^')) parts.Add(_anything);
            while (_at < _pattern.Length && Next is not '|' and not ')' && !(outermost && IsEndMark)) parts.Add(Repeated(Atom()));
            if (outermost && !Take('$')) parts.Add(_anything);
            options.Add(new Series([.. parts]));
        }
        while (Take('|'));
        return options.Count == 1 ? options[0] : new Choice([.. options]);
    }

    private char Next => (char)Math.Min(_pattern[_at], char.MaxValue);

    private bool IsEndMark => Next == '$' && (_at + 1 == _pattern.Length || _pattern[_at + 1] == '|');

    private bool Take(char expected)
    {
        if (_at == _pattern.Length || _pattern[_at] != expected) return false;
        _at++;
        return true;
    }

    private Rule Repeated(Rule item)
    {
        var (least, most) = Take('*') ? (0, int.MaxValue) : Take('+') ? (1, int.MaxValue) : Take('?') ? (0, 1)
            : Take('{') ? Counts() : (1, 1);
        if ((least, most) == (1, 1)) return item;
        Take('?'); // which of the matches is found is all the same
        if (_at < _pattern.Length && Next is '*' or '+' or '{') throw Unsupported($"{Next}");
        return new Repeat(item, new Series(), least, most);
    }

    private (int, int) Counts()
    {
        var least = Number();
        var most = !Take(',') ? least : _at < _pattern.Length && Next != '}' ? Number() : int.MaxValue;
        return Take('}') && most >= least ? (least, most) : throw new SchemaException("a count in {} is damaged");
    }

    private int Number()
    {
        var from = _at;
        while (_at < _pattern.Length && char.IsAsciiDigit(Next)) _at++;
        var digits = string.Concat(_pattern[from.._at].Select(c => (char)c));
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= MostCount ? number
            : throw new SchemaException($"'{digits}' within {{}}, expected a number up to {MostCount}");
    }

    private Rule Atom()
    {
        if (Take('('))
        {
            if (Take('?') && !Take(':')) throw Unsupported("(?");
            var inside = Alternatives();
            return Take(')') ? inside : throw new SchemaException("a ( without its )");
        }
        if (Take('[')) return Class();
        if (Take('.')) return Characters(Without([('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029)]));
        if (Next is '^' or '$' or '*' or '+' or '?' or '{') throw Unsupported($"{Next}");
        return Take('\\') ? Characters(Escaped()) : Characters([(_pattern[_at], _pattern[_at++])]);
    }

    private Rule Class()
    {
        var negated = Take('^');
        var ranges = new List<(int Low, int High)>();
        while (!Take(']'))
        {
            var low = Member();
            if (low is not [(var from, var same)] || from != same || _at + 1 >= _pattern.Length || Next != '-' || _pattern[_at + 1] == ']')
            {
                ranges.AddRange(low);
                continue;
            }
            _at++;
            if (Member() is not [(var to, var end)] || to != end || to < from) throw new SchemaException("a range in [] is damaged");
            ranges.Add((from, to));
        }
        return Characters(negated ? Without(ranges) : ranges);

        IReadOnlyList<(int Low, int High)> Member() => _at == _pattern.Length ? throw new SchemaException("a [ without its ]")
            : Take('\\') ? Escaped() : [(_pattern[_at], _pattern[_at++])];
    }

    private IReadOnlyList<(int Low, int High)> Escaped()
    {
        if (_at == _pattern.Length) throw new SchemaException("it ends with \\");
        (int, int)[] digits = [('0', '9')], word = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
        (int, int)[] space = [(9, 13), (' ', ' '), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
            (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)];
        var name = Next;
        _at++;
        return name switch
        {
            'd' => digits, 'D' => Without(digits), 'w' => word, 'W' => Without(word), 's' => space, 'S' => Without(space),
            't' => [(9, 9)], 'n' => [(10, 10)], 'v' => [(11, 11)], 'f' => [(12, 12)], 'r' => [(13, 13)],
            'x' => Code(2), 'u' => Code(4),
            _ when char.IsAsciiLetterOrDigit(name) => throw Unsupported($"\\{name}"),
            _ => [(_pattern[_at - 1], _pattern[_at - 1])],
        };
    }

    private (int, int)[] Code(int digits)
    {
        var text = string.Concat(_pattern.Skip(_at).Take(digits).Select(c => (char)c));
        _at += digits;
        return text.Length == digits && int.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            ? [(code, code)] : throw new SchemaException($"\\ with '{text}', expected {digits} hexadecimal digits");
    }

    private static List<(int, int)> Without(IEnumerable<(int Low, int High)> ranges)
    {
        var (left, from) = (new List<(int, int)>(), 0);
        foreach (var (low, high) in ranges.OrderBy(r => r))
        {
            if (low > from) left.Add((from, low - 1));
            from = Math.Max(from, high + 1);
        }
        if (from <= Last) left.Add((from, Last));
        return left;
    }

    /// <summary>One of these characters: as it is, or escaped where JSON wants that.</summary>
    private static Rule Characters(IReadOnlyList<(int Low, int High)> ranges)
    {
        var options = new List<Rule> { new CharacterOf(ranges) };
        foreach (var (code, letter) in new[] { (8, 'b'), (9, 't'), (10, 'n'), (12, 'f'), (13, 'r'), ('"', '"'), ('\\', '\\') })
            if (ranges.Any(r => r.Low <= code && code <= r.High)) options.Add(new Literal($"\\{letter}"));
        return options.Count == 1 ? options[0] : new Choice([.. options]);
    }

    private static SchemaException Unsupported(string what) => new($"'{what}' is not supported here");
}

/// <summary>One character (code point) of some ranges, in UTF-8 and without an escape.</summary>
internal sealed class CharacterOf : Terminal
{
    private readonly (int Low, int High)[] _ranges;
    private readonly int _least;

    /// <param name="Bits">of the bytes so far; -1: none yet</param>
    /// <param name="Missing">bytes</param>
    /// <param name="Floor">the least character of that many bytes: none is written longer than it must be</param>
    private readonly record struct State(int Bits, int Missing, int Floor);

    public CharacterOf(IEnumerable<(int Low, int High)> ranges)
    {
        (int Low, int High)[] plain = [(0x20, '!'), ('#', '['), (']', 0x7E), (0x80, 0xD7FF), (0xE000, 0x10FFFF)];
        _ranges = [.. ranges.SelectMany(r => plain.Select(p => (Math.Max(r.Low, p.Low), Math.Min(r.High, p.High))))
            .Where(r => r.Item1 <= r.Item2)];
        _least = _ranges.Select(r => new Rune(r.Low).Utf8SequenceLength).DefaultIfEmpty(Never).Min();
    }

    public override object Start => new State(-1, 0, 0);

    public override bool CanEnd(object state) => (State)state is { Bits: >= 0, Missing: 0 };

    public override int LeastFrom(object state) => (State)state is { Bits: >= 0 } begun ? begun.Missing : _least;

    public override object? Step(object state, byte value)
    {
        State? after = (State)state switch
        {
            { Bits: < 0 } => value switch
            {
                < 0x80 => new State(value, 0, 0), >= 0xC2 and < 0xE0 => new State(value & 0x1F, 1, 0x80),
                >= 0xE0 and < 0xF0 => new State(value & 0x0F, 2, 0x800), >= 0xF0 and < 0xF5 => new State(value & 0x07, 3, 0x10000),
                _ => null,
            },
            { Missing: > 0 } begun when (value & 0xC0) == 0x80
                => begun with { Bits = (begun.Bits << 6) | (value & 0x3F), Missing = begun.Missing - 1 },
            _ => null,
        };
        if (after is not { } next) return null;
        // Whatever bytes follow, the character lies from low to high.
        var shift = 6 * next.Missing;
        var (low, high) = (Math.Max(next.Bits << shift, next.Floor), ((next.Bits + 1) << shift) - 1);
        return low <= high && _ranges.Any(r => r.Low <= high && low <= r.High) ? next : null;
    }
}
