using TransformerTorch.Text.Unicode;
using static TransformerTorch.Text.Patterns.RegexNode;

namespace TransformerTorch.Text.Patterns;

/// <summary>
/// Characters that differ by case alone: one for one, as k and the Kelvin sign, or one for several, as the sharp s for ss.
/// </summary>
internal static class CaseFolding
{
    private const int MaxOverlap = 12;
    private static readonly ILookup<int, int> _unfolded = UnicodeTables.Folding.ToLookup(pair => pair.Value, pair => pair.Key);
    private static readonly ILookup<string, int> _long =
        UnicodeTables.LongFolding.ToLookup(pair => string.Concat(pair.Value.Select(char.ConvertFromUtf32)), pair => pair.Key);

    public static IEnumerable<int> Alike(int codePoint)
    {
        var folded = UnicodeTables.Folding.GetValueOrDefault(codePoint, codePoint);
        return _unfolded[folded].Append(folded);
    }

    /// <summary>A character alone, whatever its case.</summary>
    public static RegexNode Literal(int codePoint) => UnicodeTables.LongFolding.TryGetValue(codePoint, out var parts)
        ? Joined([.. parts.Select(part => Folded(part))])
        : Folded(codePoint);

    /// <summary>
    /// A set of characters, whatever their case, and what its members fold to when that is several characters. Where it has the first of
    /// them the set is tried first and is enough.
    /// </summary>
    public static RegexNode Members(CharacterSet set)
    {
        var several = UnicodeTables.LongFolding.Where(pair => set.Contains(pair.Key) && !set.Contains(pair.Value[0]));
        List<RegexNode> choices = [new Set(set), .. several.Select(pair => Literal(pair.Key))];
        return choices.Count == 1 ? choices[0] : new Choice(choices);
    }

    /// <summary>One after the other, where a single character may stand for several that follow each other.</summary>
    /// <exception cref="TokenizerException">Very many of them overlap.</exception>
    public static Sequence Joined(IReadOnlyList<RegexNode> items)
    {
        var run = string.Concat(items.Select(item => item is Set { Folded: { } folded and < 0x10000 } ? (char)folded : '\0'));
        var joined = new List<RegexNode>();
        for (var at = 0; at < run.Length;)
        {
            var end = OverlapEnd(run, at);
            if (end - at > MaxOverlap)
                throw new TokenizerException($"more than {MaxOverlap} characters in a row stand for fewer ones without case");
            joined.AddRange(Ways(items, run, at, Math.Max(end, at + 1)));
            at = Math.Max(end, at + 1);
        }
        return new Sequence(joined);
    }

    /// <summary>Where what begins at <paramref name="at"/>, and all that overlaps with it, ends.</summary>
    private static int OverlapEnd(string run, int at)
    {
        var end = at;
        for (var next = at; next == at || next < end; next++)
            end = Long(run, next).Aggregate(end, (last, several) => Math.Max(last, next + several.Key.Length));
        return end;
    }

    private static List<RegexNode> Ways(IReadOnlyList<RegexNode> items, string run, int from, int end)
    {
        if (from == end)
            return [];
        List<RegexNode> plain = [items[from], .. Ways(items, run, from + 1, end)];
        List<RegexNode> choices = [new Sequence(plain)];
        foreach (var several in Long(run, from))
        {
            var single = new Set(new CharacterSet(codePoint => several.Contains(codePoint)));
            choices.Add(new Sequence([single, .. Ways(items, run, from + several.Key.Length, end)]));
        }
        return choices.Count == 1 ? plain : [new Choice(choices)];
    }

    private static IEnumerable<IGrouping<string, int>> Long(string run, int at) =>
        _long.Where(several => string.CompareOrdinal(run, at, several.Key, 0, several.Key.Length) == 0);

    private static Set Folded(int codePoint) => new(CharacterSet.Of(codePoint).IgnoringCase())
    {
        Folded = UnicodeTables.Folding.GetValueOrDefault(codePoint, codePoint),
    };
}
