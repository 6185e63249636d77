namespace TransformerTorch.Configuration;

/// <summary>Finds the name that was meant.</summary>
public static class Suggestion
{
    /// <summary>
    /// The name closest to <paramref name="given"/>: at most a third of its letters wrong, or its initials
    /// (<c>lr</c> for <c>learning_rate</c>); null when none is close.
    /// </summary>
    public static string? For(string given, IEnumerable<string> names)
    {
        var wanted = Letters(given);
        var best = names.MinBy(name => Distance(wanted, Letters(name)));
        if (best is not null && Distance(wanted, Letters(best)) <= Math.Max(1, Math.Max(given.Length, best.Length) / 3)) return best;
        return given.Length < 2 ? null : names.FirstOrDefault(name => Initials(name) == given);
    }

    /// <summary>"; did you mean `x`?" or, where nothing is close, what there is to choose from.</summary>
    public static string Phrase(string given, IReadOnlyCollection<string> names) =>
        For(given, names) is { } name ? $"did you mean `{name}`?" : $"there is {string.Join(", ", names.Select(known => $"`{known}`"))}";

    private static string Initials(string name) => string.Concat(name.Split('_', '-', '.').Select(word => word.FirstOrDefault()));

    private static string Letters(string name) => name.ToLowerInvariant().Replace('-', '_');

    // Levenshtein's distance where swapping two neighbours counts as one (optimal string alignment).
    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) d[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) d[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                d[i, j] = Math.Min(replaced, Math.Min(d[i - 1, j], d[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        return d[a.Length, b.Length];
    }
}
