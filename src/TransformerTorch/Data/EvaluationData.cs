namespace TransformerTorch.Data;

/// <summary>Held-out examples, in their order; every pass gives the same batches.</summary>
/// <param name="examples">The examples.</param>
/// <param name="collator">Makes them batches.</param>
/// <param name="rows">Examples of a batch.</param>
public sealed class EvaluationData(IExamples examples, ICollator collator, int rows)
{
    /// <summary>How many.</summary>
    public long Count => examples.Count(0);

    /// <summary>Itself, where there is something to evaluate on.</summary>
    /// <param name="tokens">What was held out.</param>
    /// <exception cref="DataException">It is too short for one example.</exception>
    internal EvaluationData Required(long tokens) => Count > 0 ? this : throw new DataException(
        $"data.val_set_size, or data.val_files: the {tokens:N0} tokens held out are too few for one window of data.sequence_len. " +
        "Hold out more, lower sequence_len, or hold out none.");

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
