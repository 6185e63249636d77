namespace TransformerTorch.Text.Training;

/// <summary>How far a training is.</summary>
/// <param name="Stage">What is being done, for people.</param>
/// <param name="Done">So many of <paramref name="Total"/>.</param>
/// <param name="Total">0 while it is not known.</param>
public readonly record struct TrainingProgress(string Stage, long Done, long Total);
