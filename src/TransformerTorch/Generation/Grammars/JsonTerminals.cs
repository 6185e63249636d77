using System.Globalization;

namespace TransformerTorch.Generation.Grammars;

/// <summary>The inside of a JSON string, up to its closing quote, that has so many characters (code points).</summary>
internal class StringBody(int least, int most) : Terminal
{
    /// <param name="Count">characters begun, no further than counts</param>
    /// <param name="Escape">-1 after a backslash, 1 to 4: digits of \u missing</param>
    /// <param name="Rest">bytes of a character missing</param>
    /// <param name="Low">the least that the next of these may be</param>
    /// <param name="High">the greatest</param>
    /// <param name="Closed">after the quote</param>
    private readonly record struct State(int Count, int Escape = 0, int Rest = 0, byte Low = 0x80, byte High = 0xBF, bool Closed = false);

    public override object Start => new State(0);

    /// <summary>Whether another character may come.</summary>
    public bool HasRoom(object state) => ((State)state).Count < most;

    public override bool CanEnd(object state) => ((State)state).Closed;

    public override int LeastFrom(object state)
    {
        var s = (State)state;
        var open = s.Escape == -1 ? 1 : s.Escape + s.Rest;
        return s.Closed ? 0 : least > most ? Never : (int)Math.Min(Never, (long)Math.Max(0, least - s.Count) + open + 1);
    }

    public override object? Step(object state, byte value)
    {
        var s = (State)state;
        if (s.Closed) return null;
        if (s.Escape == 4 && (value | 0x20) == 'd') return null; // halves of surrogate pairs cannot stand alone
        if (s.Escape > 0) return char.IsAsciiHexDigit((char)value) ? s with { Escape = s.Escape - 1 } : null;
        if (s.Escape < 0) return value == 'u' ? s with { Escape = 4 } : "\"\\/bfnrt".Contains((char)value) ? s with { Escape = 0 } : null;
        if (s.Rest > 0) return value < s.Low || value > s.High ? null : s with { Rest = s.Rest - 1, Low = 0x80, High = 0xBF };
        if (value == '"') return s.Count >= least ? new State(0, Closed: true) : null;
        if (value < 0x20 || s.Count >= most) return null;
        var next = s with { Count = most == int.MaxValue ? Math.Min(s.Count + 1, least) : s.Count + 1 };
        return value switch // Unicode, table 3-7
        {
            (byte)'\\' => next with { Escape = -1 },
            0x7F => null,
            < 0x80 => next,
            >= 0xC2 and <= 0xDF => next with { Rest = 1 },
            0xE0 => next with { Rest = 2, Low = 0xA0 },
            0xED => next with { Rest = 2, High = 0x9F },
            >= 0xE1 and <= 0xEF => next with { Rest = 2 },
            0xF0 => next with { Rest = 3, Low = 0x90 },
            0xF4 => next with { Rest = 3, High = 0x8F },
            >= 0xF1 and <= 0xF3 => next with { Rest = 3 },
            _ => null,
        };
    }
}

/// <summary>The inside of any member's name. That no other member has it is told by <see cref="MemberNames"/>.</summary>
internal sealed class NameBody() : StringBody(0, Most)
{
    /// <summary>Characters of a name.</summary>
    public const int Most = 64;
}

/// <summary>What opens the name of any member, and is counted with what it may take to be another than those before.</summary>
internal sealed class NameQuote : Terminal
{
    public override object Start => false;

    public override object? Step(object state, byte value) => !(bool)state && value == '"' ? true : null;

    public override bool CanEnd(object state) => (bool)state;

    public override int LeastFrom(object state) => (bool)state ? 0 : 1 + MemberNames.Spare;
}

/// <summary>
/// A string's inside that is none of some texts. For as long as it is the beginning of one of these it has no escapes, so that each has one
/// way to be written.
/// </summary>
internal sealed class OtherString : Terminal
{
    private readonly StringBody _body;
    private readonly List<Dictionary<byte, int>> _next = [[]]; // by what was read
    private readonly HashSet<int> _whole = [];

    /// <param name="Body">the string's own</param>
    /// <param name="At">what was read of the texts; -1: none goes on so</param>
    private readonly record struct State(object Body, int At);

    public OtherString(StringBody body, IEnumerable<string> texts)
    {
        _body = body;
        foreach (var text in texts)
        {
            var at = 0;
            foreach (var value in System.Text.Encoding.UTF8.GetBytes(text))
            {
                if (!_next[at].TryGetValue(value, out var next))
                {
                    _next[at][value] = next = _next.Count;
                    _next.Add([]);
                }
                at = next;
            }
            _whole.Add(at);
        }
    }

    public override object Start => new State(_body.Start, 0);

    public override bool CanEnd(object state) => _body.CanEnd(((State)state).Body);

    public override int LeastFrom(object state)
    {
        var (body, at) = (State)state;
        var least = _body.LeastFrom(body);
        return least != 1 || !_whole.Contains(at) ? least : _body.HasRoom(body) ? 2 : Never; // one more makes it another
    }

    public override object? Step(object state, byte value)
    {
        var (body, at) = (State)state;
        if (at >= 0 && (value == '\\' || (value == '"' && _whole.Contains(at)))) return null;
        if (_body.Step(body, value) is not { } after) return null;
        return new State(after, at >= 0 && _next[at].TryGetValue(value, out var next) ? next : -1);
    }
}

/// <summary>A number within bounds and, where asked, a multiple; of so few digits that it reads back as it is written.</summary>
internal sealed class Number(bool whole, decimal? minimum, decimal? maximum, decimal? multiple) : Terminal
{
    private const int MostDigits = 15;
    private const decimal Far = 1e15m;
    private readonly decimal _low = Math.Max(minimum ?? -Far, -Far);
    private readonly decimal _high = Math.Min(maximum ?? Far, Far);
    private readonly Dictionary<string, int> _least = [];

    public override object Start => "";

    public override object? Step(object state, byte value)
    {
        var text = (string)state + (char)value;
        return IsPrefix(text) && LeastFrom(text) < Never ? text : null;
    }

    public override bool CanEnd(object state)
        => (string)state is [.., not '-' and not '.'] text && decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture) is var v
            && v >= _low && v <= _high && (multiple is not { } m || v % m == 0);

    /// <summary>Finds the shortest continuation breadth first; intervals without a solution are cut off at once.</summary>
    public override int LeastFrom(object state)
    {
        var text = (string)state;
        if (_least.TryGetValue(text, out var known)) return known;
        if (_least.Count > 10_000) _least.Clear();
        var level = new List<string> { text };
        for (var length = 0; level.Count > 0 && length <= MostDigits + 2; length++)
        {
            if (level.Exists(t => CanEnd(t))) return _least[text] = length;
            level = [.. level.SelectMany(t => "-0123456789.".Select(c => t + c)).Where(t => IsPrefix(t) && MayHold(t)).Take(64)];
        }
        return _least[text] = Never;
    }

    private bool IsPrefix(string text)
    {
        var digits = text.StartsWith('-') ? text[1..] : text;
        var point = digits.IndexOf('.');
        if (digits.Length == 0) return text == "-";
        var (integer, fraction) = point < 0 ? (digits, "") : (digits[..point], digits[(point + 1)..]);
        return integer.Length > 0 && integer.All(char.IsAsciiDigit) && fraction.All(char.IsAsciiDigit) && (point < 0 || !whole)
            && (integer.Length == 1 || integer[0] != '0') && integer.Length + fraction.Length <= MostDigits
            && !(text == "-0" && whole) && MayHold(text);
    }

    /// <summary>Whether a number that begins so lies within the bounds (and, of whole ones, a multiple).</summary>
    private bool MayHold(string text)
    {
        if (text.Length == 0) return true;
        var negative = text[0] == '-';
        var digits = negative ? text[1..] : text;
        if (digits.Length == 0) return _low <= 0;
        var point = digits.IndexOf('.');
        var value = decimal.Parse(digits.TrimEnd('.'), NumberStyles.Float, CultureInfo.InvariantCulture);
        if (point >= 0) return Meets(value, value + Power(-(digits.Length - point - 1)), negative);
        for (var more = 0; more + digits.Length <= MostDigits; more++)
        {
            var (low, high) = (value * Power(more), (value + 1) * Power(more));
            if (Meets(low, whole ? high - 1 : high, negative)) return true;
            if (digits == "0") break;
        }
        return false;
    }

    private bool Meets(decimal from, decimal to, bool negative)
    {
        var (low, high) = negative ? (Math.Max(_low, -to), Math.Min(_high, -from)) : (Math.Max(_low, from), Math.Min(_high, to));
        return low <= high && (multiple is not { } m || Math.Floor(high / m) * m >= low);
    }

    private static decimal Power(int exponent)
    {
        var result = 1m;
        for (var i = 0; i < Math.Abs(exponent); i++) result *= 10;
        return exponent < 0 ? 1 / result : result;
    }
}
