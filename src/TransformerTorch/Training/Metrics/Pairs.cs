namespace TransformerTorch.Training.Metrics;

/// <summary>Predictions beside what is wanted.</summary>
internal static class Pairs
{
    /// <summary>The pairs.</summary>
    /// <exception cref="ArgumentException">There are more of one than of the other.</exception>
    public static List<(T Predicted, T Wanted)> Of<T>(IReadOnlyList<T> predicted, IReadOnlyList<T> wanted)
        => predicted.Count == wanted.Count ? [.. predicted.Zip(wanted)]
            : throw new ArgumentException($"{predicted.Count} predictions for {wanted.Count} references");

    /// <summary>A sum's share; 0 of nothing.</summary>
    public static double Mean(double sum, double count) => count > 0 ? sum / count : 0;
}
