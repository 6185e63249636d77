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

/// <summary>Makes a batch of examples. All that it draws comes from the generator it is given: equal calls give equal batches.</summary>
public interface ICollator
{
    /// <summary>A batch of these examples, in this order. Called on several threads.</summary>
    Batch Collate(IReadOnlyList<Example> examples, SplitMix random);
}
