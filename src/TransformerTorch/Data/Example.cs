namespace TransformerTorch.Data;

/// <summary>One thing to learn from: named sequences of whole numbers, of which <c>input_ids</c> are the tokens.</summary>
public sealed record Example(IReadOnlyDictionary<string, int[]> Columns)
{
    /// <summary>An example of tokens alone.</summary>
    public Example(int[] ids) : this(new Dictionary<string, int[]> { [Batch.Names.InputIds] = ids }) { }

    /// <summary>Its tokens.</summary>
    public int[] Ids => Columns[Batch.Names.InputIds];

    /// <summary>UTF-8 bytes of the text that its targets are; 0 where that is not known.</summary>
    public double TextBytes { get; init; }

    /// <summary>The sequence of that name; null where it has none.</summary>
    public int[]? this[string name] => Columns.GetValueOrDefault(name);

    /// <summary>
    /// Several examples in one row, which their number in the column <c>documents</c> tells apart, and <c>decoder_documents</c> what is to
    /// be written of each, where there are labels.
    /// </summary>
    public static Example Packed(IReadOnlyList<Example> examples)
    {
        var columns = examples[0].Columns.Keys.ToDictionary(name => name, name => examples.SelectMany(e => e.Columns[name]).ToArray());
        columns[Batch.Names.Documents] = Numbers(Batch.Names.InputIds);
        if (columns.ContainsKey(Batch.Names.Labels)) columns[Batch.Names.DecoderDocuments] = Numbers(Batch.Names.Labels);
        return new(columns) { TextBytes = examples.Sum(e => e.TextBytes) };

        int[] Numbers(string column) => [.. examples.SelectMany((e, i) => Enumerable.Repeat(i + 1, e.Columns[column].Length))];
    }

    /// <summary>A column that holds text, as UTF-16 units.</summary>
    public string Text(string name) => new([.. Columns[name].Select(unit => (char)unit)]);

    /// <summary>Text as a column holds it.</summary>
    public static int[] OfText(string text) => [.. text.Select(unit => (int)unit)];
}

/// <summary>Examples by number. Any number of threads may read.</summary>
public interface IExamples
{
    /// <summary>How many a pass has.</summary>
    /// <param name="epoch">Passes before it: they may be cut differently.</param>
    long Count(long epoch);

    /// <summary>Tokens of an example, found without reading it.</summary>
    int Length(long index, long epoch);

    /// <summary>An example.</summary>
    Example Read(long index, long epoch);
}

/// <summary>
/// Makes examples what a model reads, and a batch of them. All that is drawn comes from the generator that is given: equal calls give
/// equal batches.
/// </summary>
public interface ICollator
{
    /// <summary>An example as it is to be read, masked or noised anew each time: several may share a row then. Called on several
    /// threads.</summary>
    Example Finished(Example example, SplitMix random) => example;

    /// <summary>A batch of finished examples, in this order. Called on several threads.</summary>
    Batch Collate(IReadOnlyList<Example> finished);
}

/// <summary>Both at once.</summary>
public static class Collating
{
    /// <summary>A batch of these examples, in this order.</summary>
    public static Batch Collate(this ICollator collator, IReadOnlyList<Example> examples, SplitMix random)
        => collator.Collate([.. examples.Select(example => collator.Finished(example, random))]);
}
