namespace TransformerTorch.Data;

/// <summary>Held-out examples, in their order; every pass gives the same batches.</summary>
/// <param name="examples">The examples.</param>
/// <param name="collator">Makes them batches.</param>
/// <param name="rows">Examples of a batch.</param>
public sealed class EvaluationData(IExamples examples, ICollator collator, int rows)
{
    /// <summary>How many.</summary>
    public long Count => examples.Count(0);

    /// <summary>The first <paramref name="samples"/> examples in batches, or all where that is 0.</summary>
    public IEnumerable<Batch> Batches(long samples = 0)
    {
        var count = samples > 0 ? Math.Min(samples, Count) : Count;
        for (var first = 0L; first < count; first += rows)
        {
            var these = Enumerable.Range(0, (int)Math.Min(rows, count - first)).Select(i => examples.Read(first + i, epoch: 0));
            yield return collator.Collate([.. these], SplitMix.Of(0, first));
        }
    }
}
