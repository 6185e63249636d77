namespace TransformerTorch.Data;

/// <summary>Named columns on the host, in the names of Transformers' forward arguments (<see cref="Names"/>).</summary>
/// <param name="Columns">Each with the batch's rows as its first dimension.</param>
public sealed record Batch(IReadOnlyDictionary<string, Column> Columns)
{
    /// <summary>Targets that count towards the loss.</summary>
    public required long TargetCount { get; init; }

    /// <summary>Tokens that the model reads, padding left out.</summary>
    public required long TokenCount { get; init; }

    /// <summary>Targets of those terms of the loss that count others: <c>next_sentence</c> has one a row.</summary>
    public IReadOnlyDictionary<string, long> OtherTargets { get; init; } = new Dictionary<string, long>();

    /// <summary>UTF-8 bytes of the text that the targets are; 0 where that is not known.</summary>
    public double TextBytes { get; init; }

    /// <summary>What it was made of, for those who score predictions; empty where that is windows of text.</summary>
    public IReadOnlyList<Example> Examples { get; init; } = [];

    /// <summary>Examples, or windows of packed ones.</summary>
    public long Rows => Columns.Values.First().Shape[0];

    /// <summary>The column of that name.</summary>
    public Column this[string name] => Columns[name];

    /// <summary>What a term of the loss is to be divided by. That of routers is one of all tokens read.</summary>
    public long TargetsOf(string term)
        => OtherTargets.GetValueOrDefault(term, term == "router_balance" ? TokenCount : TargetCount);

    /// <summary>The same rows in batches of at most so many; 0 keeps them together. Counts stay those of all rows.</summary>
    public IEnumerable<Batch> Split(int rows)
    {
        if (rows <= 0 || rows >= Rows) return [this];
        return from part in Enumerable.Range(0, (int)((Rows + rows - 1) / rows))
               let first = (long)part * rows
               select this with { Columns = Columns.ToDictionary(c => c.Key, c => c.Value.Rows(first, Math.Min(rows, Rows - first))) };
    }

    /// <summary>Columns that objectives know.</summary>
    public static class Names
    {
#pragma warning disable CS1591 // the published names say it
        public const string InputIds = "input_ids", AttentionMask = "attention_mask", TokenTypeIds = "token_type_ids",
            PositionIds = "position_ids", DecoderInputIds = "decoder_input_ids", DecoderAttentionMask = "decoder_attention_mask",
            Labels = "labels", NextSentenceLabel = "next_sentence_label", StartPositions = "start_positions",
            EndPositions = "end_positions";
#pragma warning restore CS1591

        /// <summary>Labels that stand where they are predicted, not where their token stands.</summary>
        public const string ShiftLabels = "shift_labels";

        /// <summary>(B, T) the document of each token of a packed row.</summary>
        public const string Documents = "documents";

        /// <summary>(B, U) that of each token that a decoder beside an encoder reads.</summary>
        public const string DecoderDocuments = "decoder_documents";
    }
}

/// <summary>A column's values, row by row: whole numbers or, for values to be learnt, fractions.</summary>
public sealed record Column
{
    private Column(Array values, long[] shape)
    {
        (Values, Shape) = (values, shape);
        if (values.LongLength != shape.Aggregate(1L, (a, b) => a * b))
            throw new ArgumentException($"{values.LongLength} values do not fill a column of {string.Join(" x ", shape)}");
    }

    /// <summary><c>long[]</c> or <c>float[]</c>.</summary>
    public Array Values { get; }

    /// <summary>Its dimensions, rows first.</summary>
    public long[] Shape { get; }

    /// <summary>The whole numbers.</summary>
    /// <exception cref="InvalidCastException">It holds fractions.</exception>
    public long[] Integers => (long[])Values;

    /// <summary>Some of its rows.</summary>
    public Column Rows(long first, long count)
    {
        var width = Values.LongLength / Shape[0];
        var part = Array.CreateInstance(Values.GetType().GetElementType()!, count * width);
        Array.Copy(Values, first * width, part, 0, part.LongLength);
        return new(part, [count, .. Shape[1..]]);
    }

    /// <summary>A column of int64.</summary>
    public static Column Of(long[] values, params long[] shape) => new(values, shape);

    /// <summary>A column of float32.</summary>
    public static Column Of(float[] values, params long[] shape) => new(values, shape);
}
