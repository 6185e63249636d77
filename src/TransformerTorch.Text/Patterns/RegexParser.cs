using System.Globalization;
using static TransformerTorch.Text.Patterns.RegexNode;

namespace TransformerTorch.Text.Patterns;

/// <summary>
/// Reads a regular expression as Oniguruma does in its own syntax. Understood: what tokenizers use, and what is like it; captures count
/// as groups. Refused by name: back-references, \K, \R, \X, absence, conditions, calls, callouts.
/// </summary>
internal sealed class RegexParser
{
    private const int MaxDepth = 100;
    private const int MaxRepeat = 100_000;

    private readonly string _pattern;
    private int _at;
    private int _depth;
    private bool _ignoreCase;
    private bool _dotAll;
    private bool _extended;

    private RegexParser(string pattern) => _pattern = pattern;

    /// <exception cref="TokenizerException">The pattern is wrong, or needs what is not supported; the message says where.</exception>
    public static RegexNode Parse(string pattern)
    {
        var parser = new RegexParser(pattern);
        var node = parser.ParseChoice();
        return parser._at == pattern.Length ? node : throw parser.Error("')' without '('");
    }

    private TokenizerException Error(string message) =>
        new($"the regular expression '{_pattern}' at {_at}: {message}");

    private bool Ended => _at >= _pattern.Length;

    private bool Accept(string text)
    {
        if (string.CompareOrdinal(_pattern, _at, text, 0, text.Length) != 0)
            return false;
        _at += text.Length;
        return true;
    }

    private int Next()
    {
        if (Ended)
            throw Error("the end is not expected here");
        var codePoint = System.Text.Rune.TryGetRuneAt(_pattern, _at, out var rune) ? rune.Value : 0xFFFD;
        _at += codePoint > 0xFFFF ? 2 : 1;
        return codePoint;
    }

    private RegexNode ParseChoice()
    {
        if (++_depth > MaxDepth)
            throw Error($"groups are nested deeper than {MaxDepth}");
        var options = (_ignoreCase, _dotAll, _extended);
        var choices = new List<RegexNode> { ParseSequence() };
        while (Accept("|"))
            choices.Add(ParseSequence());
        (_ignoreCase, _dotAll, _extended) = options;
        _depth--;
        return choices.Count == 1 ? choices[0] : new Choice(choices);
    }

    private Sequence ParseSequence()
    {
        var items = new List<RegexNode>();
        while (!Ended && _pattern[_at] is not ('|' or ')'))
        {
            if (_extended && SkipComment())
                continue;
            if (ParseItem() is not { } item)
                continue;
            item = ParseRepeats(item);
            items.AddRange(item is Sequence group ? group.Items : [item]);
        }
        return Sequence(items);
    }

    private Sequence Sequence(List<RegexNode> items)
    {
        try
        {
            return CaseFolding.Joined(items);
        }
        catch (TokenizerException exception)
        {
            throw Error(exception.Message);
        }
    }

    private bool SkipComment()
    {
        if (char.IsWhiteSpace(_pattern[_at]))
        {
            _at++;
            return true;
        }
        if (_pattern[_at] != '#')
            return false;
        while (!Ended && _pattern[_at] != '\n')
            _at++;
        return true;
    }

    private RegexNode? ParseItem()
    {
        switch (_pattern[_at])
        {
            case '(':
                _at++;
                return ParseGroup();
            case '[':
                _at++;
                return ParseSet();
            case '.':
                _at++;
                return new Set(_dotAll ? new CharacterSet(_ => true) : CharacterSet.Of('\n').Negated());
            case '^':
                _at++;
                return new At(Place.LineStart);
            case '$':
                _at++;
                return new At(Place.LineEnd);
            case '\\':
                _at++;
                return ParseEscape();
            case '*' or '+' or '?':
            case '{' when TryInterval(out _, out _):
                throw Error("there is nothing to repeat");
            default:
                return Literal(Next());
        }
    }

    private RegexNode ParseSet()
    {
        var isNegative = !Ended && _pattern[_at] == '^';
        var set = new RegexSetParser(_pattern, _ignoreCase, Error).Parse(ref _at);
        return _ignoreCase && !isNegative ? CaseFolding.Members(set) : new Set(set);
    }

    private RegexNode Literal(int codePoint) => _ignoreCase ? CaseFolding.Literal(codePoint) : new Set(CharacterSet.Of(codePoint));

    private RegexNode ParseEscape()
    {
        Place? place = (Ended ? '\0' : _pattern[_at]) switch
        {
            'A' => Place.TextStart,
            'z' => Place.TextEnd,
            'Z' => Place.TextEndOrLastBreak,
            'b' => Place.WordBoundary,
            'B' => Place.NoWordBoundary,
            'G' => Place.SearchStart,
            _ => null,
        };
        if (place is not null)
        {
            _at++;
            return new At(place.Value);
        }
        if (!Ended && (_pattern[_at] is 'K' or 'R' or 'X' or 'k' or 'g' or 'y' or 'Y' or (>= '1' and <= '9')))
            throw Error($"'\\{_pattern[_at]}' is not supported");
        var escapes = new RegexEscapes(_pattern, Error);
        var set = escapes.ParseSet(ref _at, inBrackets: false);
        return set is not null ? new Set(set) : Literal(escapes.ParseCharacter(ref _at));
    }

    private RegexNode? ParseGroup()
    {
        if (!Accept("?"))
            return Closed(ParseChoice());
        if (Accept(":"))
            return Closed(ParseChoice());
        if (Accept("="))
            return new Look(Closed(ParseChoice()), Behind: false, Negative: false);
        if (Accept("!"))
            return new Look(Closed(ParseChoice()), Behind: false, Negative: true);
        if (Accept("<="))
            return new Look(Closed(ParseChoice()), Behind: true, Negative: false);
        if (Accept("<!"))
            return new Look(Closed(ParseChoice()), Behind: true, Negative: true);
        if (Accept(">"))
            return new Atomic(Closed(ParseChoice()));
        if (Accept("#"))
        {
            while (Next() != ')')
            {
            }
            return null;
        }
        if (Accept("<") || Accept("'"))
        {
            while (Next() is not ('>' or '\''))
            {
            }
            return Closed(ParseChoice());
        }
        return ParseOptions();
    }

    private RegexNode ParseOptions()
    {
        var before = (_ignoreCase, _dotAll, _extended);
        var on = true;
        while (true)
        {
            switch (Next())
            {
                case '-':
                    on = false;
                    break;
                case 'i':
                    _ignoreCase = on;
                    break;
                case 'm':
                    _dotAll = on;
                    break;
                case 'x':
                    _extended = on;
                    break;
                case ':':
                    var group = Closed(ParseChoice());
                    (_ignoreCase, _dotAll, _extended) = before;
                    return group;
                case ')':
                    // Holds to the end of the group around it, and takes in the choices that follow.
                    var rest = ParseChoice();
                    (_ignoreCase, _dotAll, _extended) = before;
                    return rest;
                default:
                    _at--;
                    throw Error("this kind of group is not supported");
            }
        }
    }

    private RegexNode Closed(RegexNode node) => Accept(")") ? node : throw Error("')' is missing");

    private RegexNode ParseRepeats(RegexNode item)
    {
        while (!Ended)
        {
            var (start, interval) = (_at, false);
            int min, max;
            if (Accept("*"))
                (min, max) = (0, int.MaxValue);
            else if (Accept("+"))
                (min, max) = (1, int.MaxValue);
            else if (Accept("?"))
                (min, max) = (0, 1);
            else if (_pattern[_at] == '{' && TryInterval(out min, out max))
                interval = true;
            else
                return item;
            if (item is At or Look)
                throw Error($"'{_pattern[start..]}' repeats what takes no characters");
            // Behind an interval a plus is one more repetition, not possession.
            var greed = Accept("?") ? Greed.Lazy : !interval && Accept("+") ? Greed.Possessive : Greed.Greedy;
            item = new Repeat(item, min, max, greed);
        }
        return item;
    }

    private bool TryInterval(out int min, out int max)
    {
        (min, max) = (0, int.MaxValue);
        var close = _pattern.IndexOf('}', _at);
        if (close < 0)
            return false;
        var parts = _pattern[(_at + 1)..close].Split(',');
        if (parts.Length > 2 || parts.All(part => part.Length == 0))
            return false;
        var lowest = 0;
        if (parts[0].Length > 0 && !Number(parts[0], out lowest))
            return false;
        if (parts.Length == 2 && parts[1].Length > 0 && !Number(parts[1], out max))
            return false;
        (min, max) = (lowest, parts.Length == 1 ? lowest : max);
        if (min > max || min > MaxRepeat || (max > MaxRepeat && max != int.MaxValue))
            throw Error($"'{_pattern[_at..(close + 1)]}' is no interval from 0 to {MaxRepeat}");
        _at = close + 1;
        return true;
    }

    private static bool Number(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
