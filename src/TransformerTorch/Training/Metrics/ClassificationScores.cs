namespace TransformerTorch.Training.Metrics;

/// <summary>Precision, recall and F1; what has nothing to divide by is 0.</summary>
/// <param name="Precision">right among those given</param>
/// <param name="Recall">given among those that are right</param>
public readonly record struct PrecisionRecall(double Precision, double Recall)
{
    /// <summary>Their harmonic mean.</summary>
    public double F1 => Precision + Recall > 0 ? 2 * Precision * Recall / (Precision + Recall) : 0;

    /// <summary>From counts: right ones, given ones, wanted ones.</summary>
    public static PrecisionRecall Of(double right, double given, double wanted)
        => new(given > 0 ? right / given : 0, wanted > 0 ? right / wanted : 0);
}

/// <summary>How well classes are told, as scikit-learn measures it.</summary>
public sealed record ClassificationScores
{
    /// <summary>Share of those that are wholly right.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Over all decisions together. With one class each, precision, recall and F1 are the accuracy.</summary>
    public required PrecisionRecall Micro { get; init; }

    /// <summary>The mean of the classes' precisions, and that of their recalls.</summary>
    public required PrecisionRecall Macro { get; init; }

    /// <summary>The mean of the classes' F1 scores.</summary>
    public required double MacroF1 { get; init; }

    /// <summary>The mean of the classes' F1 scores, weighted by how often they are wanted.</summary>
    public required double WeightedF1 { get; init; }

    /// <summary>Matthews' correlation coefficient, of several classes too (Gorodkin, 2004); null where an item has several.</summary>
    public double? Matthews { get; init; }

    /// <summary>Each class that occurs, by its number.</summary>
    public required IReadOnlyDictionary<int, PrecisionRecall> Classes { get; init; }

    /// <summary>Scores of one class each.</summary>
    /// <param name="predicted">the classes given</param>
    /// <param name="wanted">the right ones, as many</param>
    public static ClassificationScores Of(IReadOnlyList<int> predicted, IReadOnlyList<int> wanted)
    {
        var pairs = Pairs.Of(predicted, wanted);
        var right = pairs.Count(p => p.Predicted == p.Wanted);
        var counts = predicted.Concat(wanted).Distinct().Order().ToDictionary(c => c, c => new Counts(
            pairs.Count(p => p.Predicted == c && p.Wanted == c), predicted.Count(p => p == c), wanted.Count(w => w == c)));
        return Of(counts, Pairs.Mean(right, pairs.Count)) with { Matthews = MatthewsOf(counts.Values, right, pairs.Count) };
    }

    /// <summary>Scores of any number of classes each.</summary>
    /// <param name="predicted">for each item, whether it is given each class</param>
    /// <param name="wanted">whether it should be</param>
    public static ClassificationScores Of(IReadOnlyList<bool[]> predicted, IReadOnlyList<bool[]> wanted)
    {
        var pairs = Pairs.Of(predicted, wanted);
        var classes = Enumerable.Range(0, wanted.Count == 0 ? 0 : wanted[0].Length);
        var counts = classes.ToDictionary(c => c, c => new Counts(
            pairs.Count(p => p.Predicted[c] && p.Wanted[c]), pairs.Count(p => p.Predicted[c]), pairs.Count(p => p.Wanted[c])));
        return Of(counts, Pairs.Mean(pairs.Count(p => p.Predicted.SequenceEqual(p.Wanted)), pairs.Count));
    }

    private static ClassificationScores Of(Dictionary<int, Counts> counts, double accuracy)
    {
        var classes = counts.ToDictionary(c => c.Key, c => c.Value.Scores);
        var wanted = counts.Values.Sum(c => c.Wanted);
        return new ClassificationScores
        {
            Accuracy = accuracy, Classes = classes,
            Micro = PrecisionRecall.Of(counts.Values.Sum(c => c.Right), counts.Values.Sum(c => c.Given), wanted),
            Macro = new(Mean(c => c.Precision), Mean(c => c.Recall)), MacroF1 = Mean(c => c.F1),
            WeightedF1 = Pairs.Mean(counts.Sum(c => classes[c.Key].F1 * c.Value.Wanted), wanted),
        };

        double Mean(Func<PrecisionRecall, double> of) => classes.Count == 0 ? 0 : classes.Values.Average(of);
    }

    private static double MatthewsOf(IEnumerable<Counts> classes, double right, double all)
    {
        var (both, given, wanted) = (0.0, 0.0, 0.0);
        foreach (var c in classes)
        {
            both += c.Given * c.Wanted;
            given += c.Given * c.Given;
            wanted += c.Wanted * c.Wanted;
        }
        var scale = ((all * all) - given) * ((all * all) - wanted);
        return scale == 0 ? 0 : ((right * all) - both) / Math.Sqrt(scale);
    }

    private readonly record struct Counts(double Right, double Given, double Wanted)
    {
        public PrecisionRecall Scores => PrecisionRecall.Of(Right, Given, Wanted);
    }
}
