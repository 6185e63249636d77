namespace TransformerTorch.Data.Collators;

/// <summary>Rows of different lengths as one column.</summary>
internal static class Rows
{
    /// <summary>(B, T): each row filled up at its end, T raised to a multiple.</summary>
    public static Column Pad(IReadOnlyList<int[]> rows, long padding, int multipleOf = 1)
    {
        var width = rows.Max(row => row.Length);
        width = Math.Max(1, (width + multipleOf - 1) / multipleOf) * multipleOf;
        var values = new long[rows.Count * width];
        for (var b = 0; b < rows.Count; b++)
        {
            for (var t = 0; t < width; t++) values[b * width + t] = t < rows[b].Length ? rows[b][t] : padding;
        }
        return Column.Of(values, rows.Count, width);
    }

    /// <summary>(B): the one value of each row.</summary>
    public static Column Single(IReadOnlyList<int[]> rows) => Column.Of([.. rows.Select(row => (long)row[0])], rows.Count);

    /// <summary>(B, n): values whose bits the rows hold (<see cref="BitConverter.SingleToInt32Bits"/>).</summary>
    public static Column Values(IReadOnlyList<int[]> rows)
        => Column.Of([.. rows.SelectMany(row => row.Select(BitConverter.Int32BitsToSingle))], rows.Count, rows[0].Length);

    /// <summary>
    /// Adds what tells tokens from padding: nothing where rows are full, <c>documents</c> as they are, else an attention mask.
    /// </summary>
    public static void Mask(Dictionary<string, Column> columns, IReadOnlyList<int[]> ids)
    {
        var column = columns[Batch.Names.InputIds];
        if (ids.All(row => row.Length == column.Shape[1])) return;
        var (width, mask) = (column.Shape[1], new long[column.Values.Length]);
        for (var b = 0; b < ids.Count; b++) mask.AsSpan((int)(b * width), ids[b].Length).Fill(1);
        columns[Batch.Names.AttentionMask] = Column.Of(mask, ids.Count, width);
    }
}
