namespace TransformerTorch.Data;

/// <summary>A split as it was prepared: each source's examples, with their weights.</summary>
public sealed class PreparedSplit(IReadOnlyList<(ExampleFile File, double Weight)> parts) : IDisposable
{
    /// <summary>The sources.</summary>
    public IReadOnlyList<(ExampleFile File, double Weight)> Parts => parts;

    /// <summary>Tokens in all.</summary>
    public long Tokens => parts.Sum(part => part.File.Ids.Count);

    /// <summary>Examples in all.</summary>
    public long Count => parts.Sum(part => part.File.Count);

    /// <summary>What a loader draws from.</summary>
    public IReadOnlyList<LoaderPart> Lay(Recipe recipe, long seed)
        => [.. parts.Select(part => new LoaderPart(recipe.Layout(part.File, seed), part.Weight))];

    /// <summary>The same batches each time, in order.</summary>
    public EvaluationData Lay(Recipe recipe, int rows)
        => new(new Concatenated([.. parts.Select(part => recipe.Layout(part.File, null))]), recipe.Collator, rows);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (file, _) in parts) file.Dispose();
    }
}

/// <summary>A run's data as examples in memory-mapped files.</summary>
/// <param name="Train">What is trained on.</param>
/// <param name="Validation">What is held out; null where nothing is.</param>
public sealed record PreparedData(PreparedSplit Train, PreparedSplit? Validation) : IDisposable
{
    /// <summary>Records that were malformed and left out.</summary>
    public long Malformed { get; init; }

    /// <summary>The first of them, each with its place and what is wrong with it.</summary>
    public IReadOnlyList<string> MalformedRecords { get; init; } = [];

    /// <inheritdoc/>
    public void Dispose()
    {
        Train.Dispose();
        Validation?.Dispose();
    }
}
