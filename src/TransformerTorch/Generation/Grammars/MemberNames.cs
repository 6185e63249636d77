using System.Collections.Immutable;
using System.Text;

namespace TransformerTorch.Generation.Grammars;

/// <summary>
/// Where a JSON text stands among the members of its objects, and the names that these have so far: no object has a name twice. That is
/// known of each text by itself; a grammar that told its states apart by it would have as many as there are names.
/// </summary>
internal readonly record struct MemberNames
{
    /// <summary>What is counted for a name before it begins: of so many characters there is always one that no member has.</summary>
    public const int Spare = 2;

    private readonly Level? _level;
    private readonly bool _isNext, _inText, _escaped; // whether the next string is a name; within another string; after its backslash
    private readonly string? _name; // under way, without escapes
    private readonly string? _character; // its bytes, while some are missing

    /// <summary>Objects and lists within each other.</summary>
    /// <param name="Names">null: a list</param>
    /// <param name="Outer">around it</param>
    private sealed record Level(ImmutableHashSet<string>? Names, Level? Outer);

    private MemberNames(Level? level, bool isNext = false, bool inText = false, bool escaped = false, string? name = null,
        string? character = null)
        => (_level, _isNext, _inText, _escaped, _name, _character) = (level, isNext, inText, escaped, name, character);

    /// <summary>Whether so many more bytes may make a name that can neither be taken nor go on.</summary>
    public bool IsNearLimit(int bytes) => _name?.Length + bytes >= NameBody.Most - Spare;

    /// <summary>Whether a name is under way.</summary>
    public bool IsWithin => _name is not null;

    /// <summary>The fewest characters that make the name under way one that no other member has.</summary>
    public int Missing
    {
        get
        {
            if (_name is null || _level!.Names!.IsEmpty) return 0;
            var room = NameBody.Most - _name.EnumerateRunes().Count();
            return _character is null ? From(_name, room, _level.Names) : room > Spare ? Spare : Rule.Never;
        }
    }

    /// <summary>Where a byte leads; null: a name is there twice. What is no JSON is for the grammar to tell.</summary>
    public MemberNames? Step(byte value) => this switch
    {
        { _name: not null } => Named(value),
        { _inText: true } => _escaped || value != '"' ? new(_level, inText: true, escaped: !_escaped && value == '\\') : new(_level),
        _ => (char)value switch
        {
            '"' when _isNext => new(_level, name: ""),
            '"' => new(_level, inText: true),
            '{' => new(new([], _level), isNext: true),
            '[' => new(new(null, _level)),
            '}' or ']' => new(_level?.Outer),
            ',' => new(_level, isNext: _level?.Names is not null),
            _ => this,
        },
    };

    private MemberNames? Named(byte value)
    {
        if (value == '"' && _character is null)
            return _level!.Names!.Contains(_name!) ? null : new(_level with { Names = _level.Names.Add(_name!) });
        var character = _character + (char)value;
        var length = character[0] switch
        {
            '\\' => character is ['\\', 'u', ..] ? 6 : 2,
            < (char)0x80 => 1, < (char)0xE0 => 2, < (char)0xF0 => 3, _ => 4,
        };
        return character.Length < length ? new(_level, name: _name, character: character) : new(_level, name: _name + Plain(character));
    }

    private static string Plain(string character) => character switch
    {
        ['\\', 'u', .. var code] => $"{(char)Convert.ToUInt16(code, 16)}",
        ['\\', var letter] => letter switch
        {
            'b' => "\b", 'f' => "\f", 'n' => "\n", 'r' => "\r", 't' => "\t", _ => $"{letter}",
        },
        _ => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(character)),
    };

    private static int From(string name, int room, ImmutableHashSet<string> names)
    {
        if (!names.Contains(name)) return 0;
        if (room == 0) return Rule.Never;
        var longer = Enumerable.Range(' ', 0x7F - ' ').Where(c => c is not ('"' or '\\')).Select(c => name + (char)c);
        return longer.Any(n => !names.Contains(n)) ? 1 : Math.Min(Rule.Never, 1 + longer.Min(n => From(n, room - 1, names)));
    }
}
