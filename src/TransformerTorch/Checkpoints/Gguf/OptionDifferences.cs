using System.Collections;
using System.Globalization;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>Where two records of options differ, by the names of their properties.</summary>
internal static class OptionDifferences
{
    private const double Rounding = 1e-6; // files hold float32

    /// <summary>Each place, with what the first and the second have there.</summary>
    /// <param name="first">options</param>
    /// <param name="second">others</param>
    /// <param name="isIgnored">paths that do not matter</param>
    /// <param name="path">where they stand</param>
    public static IEnumerable<(string Path, string First, string Second)> Between(
        object? first, object? second, Func<string, bool> isIgnored, string path = "")
    {
        if (first is null || second is null || first.GetType() != second.GetType() || IsPlain(first))
            return AreSame(first, second) ? [] : [(path, Said(first), Said(second))];
        if (first is IEnumerable list)
        {
            var (some, others) = (list.Cast<object?>().ToList(), ((IEnumerable)second).Cast<object?>().ToList());
            return some.Count != others.Count ? [(path, $"{some.Count}", $"{others.Count}")]
                : some.Zip(others).SelectMany((pair, i) => Between(pair.First, pair.Second, isIgnored, $"{path}[{i}]"));
        }
        return from property in first.GetType().GetProperties()
               let below = path is "" ? property.Name : $"{path}.{property.Name}"
               where property.GetIndexParameters() is [] && !isIgnored(below)
               from difference in Between(property.GetValue(first), property.GetValue(second), isIgnored, below)
               select difference;
    }

    private static bool IsPlain(object value) => value is string or IConvertible;

    private static bool AreSame(object? first, object? second)
        => first is double a && second is double b ? Math.Abs(a - b) <= Rounding * Math.Abs(a) : Equals(first, second);

    private static string Said(object? value) => value switch
    {
        null => "none",
        IConvertible plain => plain.ToString(CultureInfo.InvariantCulture),
        _ => value.GetType().Name,
    };
}
