namespace TransformerTorch.Training;

/// <summary>A measured value over steps. A value that is not finite is a gap.</summary>
public sealed record LossCurve(IReadOnlyList<(long Step, double Value)> Points)
{
    /// <summary>The points that can be drawn.</summary>
    public IEnumerable<(long Step, double Value)> Finite => Points.Where(point => double.IsFinite(point.Value));

    /// <summary>
    /// The mean over neighbouring points, twice: about a fortieth of the curve to each side, less near its start, where it falls steeply.
    /// Gaps stay gaps, and a single spike is not spread over its neighbours.
    /// </summary>
    public LossCurve Smooth()
    {
        if (!Finite.Any()) return this;
        var (low, high) = (Quantile(0.002), Quantile(0.998));
        return new(Averaged(Averaged([.. Points.Select(point => (point.Step, Capped(point.Value)))])));

        double Capped(double value) => double.IsFinite(value) ? Math.Clamp(value, low, high) : double.NaN;
    }

    /// <summary>The value that a share of the finite points lies below. There must be one.</summary>
    public double Quantile(double share)
    {
        var values = Finite.Select(point => point.Value).Order().ToArray();
        return values[(int)Math.Round(share * (values.Length - 1))];
    }

    /// <summary>At most the first, least, greatest and last point of each of so many slices, and what marks a gap.</summary>
    public LossCurve Thin(int columns)
    {
        if (Points.Count <= columns * 4) return this;
        var (first, last) = (Points[0].Step, Points[^1].Step);
        return new([.. Points.GroupBy(point => (point.Step - first) * columns / Math.Max(1, last - first + 1)).SelectMany(Extremes)]);

        static IEnumerable<(long, double)> Extremes(IEnumerable<(long Step, double Value)> slice)
        {
            var points = slice.ToList();
            var finite = points.Where(point => double.IsFinite(point.Value)).ToList();
            if (finite.Count == 0) return points.Take(1);
            var kept = new[] { finite[0], finite.MinBy(point => point.Value), finite.MaxBy(point => point.Value), finite[^1] };
            return kept.Distinct().OrderBy(point => point.Step);
        }
    }

    private static (long, double)[] Averaged((long Step, double Value)[] points)
    {
        var (sums, counts) = (new double[points.Length + 1], new int[points.Length + 1]);
        for (var i = 0; i < points.Length; i++)
        {
            var finite = double.IsFinite(points[i].Value);
            (sums[i + 1], counts[i + 1]) = (sums[i] + (finite ? points[i].Value : 0), counts[i] + (finite ? 1 : 0));
        }
        return [.. points.Select((point, i) =>
        {
            var reach = Math.Min(points.Length / 40, i / 4);
            var (from, to) = (i - reach, Math.Min(points.Length, i + reach + 1));
            return (point.Step, double.IsFinite(point.Value) ? (sums[to] - sums[from]) / (counts[to] - counts[from]) : double.NaN);
        })];
    }
}
