namespace TransformerTorch.Data.Collators;

/// <summary>Windows of T + 1 tokens, each position of which predicts the token after it.</summary>
public sealed class NextTokenCollator : ICollator
{
    /// <inheritdoc/>
    public Batch Collate(IReadOnlyList<Example> examples, SplitMix random)
    {
        var (B, T) = (examples.Count, examples[0].Ids.Length - 1);
        var (inputs, targets) = (new long[B * T], new long[B * T]);
        for (var row = 0; row < B; row++)
        {
            for (var t = 0; t < T; t++)
                (inputs[row * T + t], targets[row * T + t]) = (examples[row].Ids[t], examples[row].Ids[t + 1]);
        }
        return new(new Dictionary<string, Column>
        {
            [Batch.Names.InputIds] = Column.Of(inputs, B, T), [Batch.Names.ShiftLabels] = Column.Of(targets, B, T),
        })
        {
            TargetCount = targets.Length, TokenCount = inputs.Length, TextBytes = examples.Sum(e => e.TextBytes),
        };
    }
}
