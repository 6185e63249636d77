namespace TransformerTorch.Data.Collators;

/// <summary>
/// Windows of T + 1 tokens, each position of which predicts the token after it; where documents are told apart, not the next one's first.
/// </summary>
public sealed class NextTokenCollator : ICollator
{
    /// <inheritdoc/>
    public Batch Collate(IReadOnlyList<Example> finished)
    {
        var (B, T) = (finished.Count, finished[0].Ids.Length - 1);
        var (inputs, targets) = (new long[B * T], new long[B * T]);
        var documents = finished[0][Batch.Names.Documents] is null ? null : new long[B * T];
        for (var row = 0; row < B; row++)
        {
            var (ids, own) = (finished[row].Ids, finished[row][Batch.Names.Documents]);
            for (var t = 0; t < T; t++)
            {
                var i = row * T + t;
                (inputs[i], targets[i]) = (ids[t], own is null || own[t] == own[t + 1] ? ids[t + 1] : -100);
                if (documents is not null) documents[i] = own![t];
            }
        }
        var columns = new Dictionary<string, Column>
        {
            [Batch.Names.InputIds] = Column.Of(inputs, B, T), [Batch.Names.ShiftLabels] = Column.Of(targets, B, T),
        };
        if (documents is not null) columns[Batch.Names.Documents] = Column.Of(documents, B, T);
        return new(columns)
        {
            TargetCount = targets.Count(target => target != -100), TokenCount = inputs.Length,
            TextBytes = finished.Sum(e => e.TextBytes),
        };
    }
}
