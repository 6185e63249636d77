namespace TransformerTorch.Training.Metrics;

/// <summary>How values go together, as SciPy measures it.</summary>
public static class Correlation
{
    /// <summary>Pearson's coefficient; NaN where one side does not vary.</summary>
    public static double Pearson(IReadOnlyList<double> predicted, IReadOnlyList<double> wanted)
    {
        var pairs = Pairs.Of(predicted, wanted);
        if (pairs.Count < 2) return double.NaN;
        var (x, y) = (predicted.Average(), wanted.Average());
        var both = pairs.Sum(p => (p.Predicted - x) * (p.Wanted - y));
        var scale = Math.Sqrt(predicted.Sum(p => (p - x) * (p - x))) * Math.Sqrt(wanted.Sum(w => (w - y) * (w - y)));
        return scale == 0 ? double.NaN : Math.Clamp(both / scale, -1, 1);
    }

    /// <summary>Spearman's coefficient: Pearson's of the ranks, ties sharing their mean rank; NaN where one side does not vary.</summary>
    public static double Spearman(IReadOnlyList<double> predicted, IReadOnlyList<double> wanted)
        => Pearson(Ranks(predicted), Ranks(wanted));

    private static double[] Ranks(IReadOnlyList<double> values)
    {
        var order = Enumerable.Range(0, values.Count).OrderBy(i => values[i]).ToArray();
        var ranks = new double[values.Count];
        for (var first = 0; first < order.Length;)
        {
            var after = first + 1;
            while (after < order.Length && values[order[after]] == values[order[first]]) after++;
            for (var i = first; i < after; i++) ranks[order[i]] = (first + after + 1) / 2.0; // the mean of first + 1 to after
            first = after;
        }
        return ranks;
    }
}
