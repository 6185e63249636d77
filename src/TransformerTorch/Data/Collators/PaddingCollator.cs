namespace TransformerTorch.Data.Collators;

/// <summary>What the labels of whole examples are.</summary>
public enum LabelKind
{
    /// <summary>A class for each token, -100 for none: padded beside the tokens.</summary>
    Tokens,

    /// <summary>A text of its own, which a decoder writes.</summary>
    Text,

    /// <summary>One class.</summary>
    Class,

    /// <summary>Fractions, their bits kept as whole numbers.</summary>
    Values,

    /// <summary>Where an answer begins and ends, in columns of their own.</summary>
    Span,
}

/// <summary>Examples that are whole as they were prepared: only filled up to the longest.</summary>
/// <param name="labels">What their labels are.</param>
/// <param name="padding">The id that fills rows up.</param>
/// <param name="multipleOf">Rows are as long as a multiple of this.</param>
public sealed class PaddingCollator(LabelKind labels, int padding, int multipleOf = 1) : ICollator
{
    /// <inheritdoc/>
    public Batch Collate(IReadOnlyList<Example> finished)
    {
        var ids = Rows(Batch.Names.InputIds)!;
        var columns = new Dictionary<string, Column> { [Batch.Names.InputIds] = Collators.Rows.Pad(ids, padding, multipleOf) };
        if (Rows(Batch.Names.TokenTypeIds) is { } types) columns[Batch.Names.TokenTypeIds] = Collators.Rows.Pad(types, 0, multipleOf);
        if (Rows(Batch.Names.Documents) is { } documents) columns[Batch.Names.Documents] = Collators.Rows.Pad(documents, 0, multipleOf);
        else Collators.Rows.Mask(columns, ids);
        var (targets, read) = ((long)finished.Count, ids.Sum(row => (long)row.Length));
        switch (labels)
        {
            case LabelKind.Tokens or LabelKind.Text:
                var tokens = Rows(Batch.Names.Labels)!;
                columns[Batch.Names.Labels] = Collators.Rows.Pad(tokens, -100, multipleOf);
                targets = tokens.Sum(row => (long)row.Count(label => label != -100));
                if (labels == LabelKind.Text) read += targets;      // the decoder reads them
                if (labels == LabelKind.Text && Rows(Batch.Names.DecoderDocuments) is { } written)
                    columns[Batch.Names.DecoderDocuments] = Collators.Rows.Pad(written, 0, multipleOf);
                break;
            case LabelKind.Class:
                columns[Batch.Names.Labels] = Collators.Rows.Single(Rows(Batch.Names.Labels)!);
                break;
            case LabelKind.Values:
                columns[Batch.Names.Labels] = Collators.Rows.Values(Rows(Batch.Names.Labels)!);
                targets = columns[Batch.Names.Labels].Values.LongLength;
                break;
            default:
                columns[Batch.Names.StartPositions] = Collators.Rows.Single(Rows(Batch.Names.StartPositions)!);
                columns[Batch.Names.EndPositions] = Collators.Rows.Single(Rows(Batch.Names.EndPositions)!);
                break;
        }
        return new(columns)
        {
            TargetCount = targets, TokenCount = read, TextBytes = finished.Sum(e => e.TextBytes),
            Examples = finished,
        };

        int[][]? Rows(string name) => finished[0][name] is null ? null : [.. finished.Select(example => example[name]!)];
    }
}
