namespace TransformerTorch.Training.Metrics;

/// <summary>How tags of tokens say where spans begin and end.</summary>
public enum TagScheme
{
    /// <summary>Any of them, leniently, as conlleval reads them.</summary>
    Lenient,

    /// <summary>I inside; B only where a span follows one of its kind at once (Ramshaw and Marcus, 1995).</summary>
    Iob1,

    /// <summary>B begins, I goes on.</summary>
    Iob2,

    /// <summary>I inside; E only where a span is followed by one of its kind at once.</summary>
    Ioe1,

    /// <summary>I inside, E ends.</summary>
    Ioe2,

    /// <summary>B begins, I goes on, E ends, S is a span alone.</summary>
    Iobes,

    /// <summary>B begins, I goes on, L ends, U is a span alone.</summary>
    Bilou,
}

/// <summary>
/// Strict reading: which pairs of neighbouring tags begin a span, stand inside one, and end one. Each rule is the prefixes of the former
/// and of the latter tag, and <c>=</c> for one kind, <c>!</c> for different ones, <c>*</c> for either.
/// </summary>
internal sealed record StrictTags(string Allowed, string[] Starts, string[] Insides, string[] Ends)
{
    private const string Any = "IOBESUL";

    public static StrictTags Of(TagScheme scheme) => scheme switch
    {
        TagScheme.Iob1 => new("IOB", ["O I *", "I I !", "B I *", "I B =", "B B ="], ["B I =", "I I ="],
            ["I I !", "I O *", "I B *", "B O *", "B I !", "B B ="]),
        TagScheme.Iob2 => new("IOB", [$"{Any} B *"], ["B I =", "I I ="], ["I O *", "I I !", "I B *", "B O *", "B I !", "B B *"]),
        TagScheme.Ioe1 => new("IOE", ["O I *", "I I !", "E I *", "E E ="], ["I I =", "I E ="],
            ["I I !", "I O *", "I E !", "E I =", "E E ="]),
        TagScheme.Ioe2 => new("IOE", ["O I *", "O E *", "E I *", "E E *", "I I !", "I E !"], ["I E =", "I I ="], [$"E {Any} *"]),
        TagScheme.Iobes => new("IOBES", [$"{Any} BS *"], ["BI IE ="], [$"SE {Any} *"]),
        TagScheme.Bilou => new("BILOU", [$"{Any} BU *"], ["BI IL ="], [$"UL {Any} *"]),
        _ => throw new ArgumentException($"{scheme} is read leniently"),
    };

    public static bool Fits(string[] rules, Tag former, Tag latter) => rules.Any(rule
        => rule.Split(' ') is [var before, var after, var kinds] && before.Contains(former.Prefix) && after.Contains(latter.Prefix)
        && (kinds == "*" || former.Kind == latter.Kind == (kinds == "=")));

    /// <summary>A tag in its parts.</summary>
    internal readonly record struct Tag(char Prefix, string Kind)
    {
        public static Tag Strict(string text, string allowed) => text.Length > 0 && allowed.Contains(text[0])
            ? new(text[0], text[1..].Trim('-') is { Length: > 0 } kind ? kind : "_")
            : throw new ArgumentException($"'{text}' is no tag of this scheme: its tags begin with one of {allowed}");

        public static Tag Lenient(string text)
        {
            var rest = text[1..];
            var kind = rest.Contains('-') ? rest[(rest.IndexOf('-') + 1)..] : rest;
            return new(text[0], kind.Length > 0 ? kind : "_");
        }
    }
}
