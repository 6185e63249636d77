using System.Text;

namespace TransformerTorch.Training.Metrics;

/// <summary>How often what occurs, and the texts that scores are counted on.</summary>
internal static class NGrams
{
    /// <summary>Counts of all runs of <paramref name="order"/> tokens that hold no space themselves.</summary>
    public static Dictionary<string, int> OfTokens(IReadOnlyList<string> tokens, int order)
        => Count(Enumerable.Range(0, Math.Max(0, tokens.Count - order + 1)).Select(i => string.Join(' ', tokens.Skip(i).Take(order))));

    /// <summary>Counts of all runs of <paramref name="order"/> characters (code points).</summary>
    public static Dictionary<string, int> OfCharacters(IReadOnlyList<string> characters, int order)
        => Count(Enumerable.Range(0, Math.Max(0, characters.Count - order + 1)).Select(i => string.Concat(characters.Skip(i).Take(order))));

    /// <summary>Counts of things.</summary>
    public static Dictionary<string, int> Count(IEnumerable<string> things)
        => things.GroupBy(t => t, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);

    /// <summary>How many both have.</summary>
    public static int Shared(Dictionary<string, int> some, Dictionary<string, int> others)
        => some.Sum(s => Math.Min(s.Value, others.GetValueOrDefault(s.Key)));

    /// <summary>The pieces between white space, as Python's <c>str.split()</c> sees it.</summary>
    public static string[] Words(string text)
        => string.Concat(text.Select(c => IsSpace(c) ? ' ' : c)).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>A text's characters (code points), a string each.</summary>
    public static List<string> Characters(string text) => [.. text.EnumerateRunes().Select(r => r.ToString())];

    /// <summary>White space as Python has it, which counts four separators among it that .NET does not.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';
}
