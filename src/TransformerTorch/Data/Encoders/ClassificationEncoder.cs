using TransformerTorch.Data.Collators;

namespace TransformerTorch.Data.Encoders;

/// <summary>What the label of a text is.</summary>
public enum ClassificationKind
{
    /// <summary>One class.</summary>
    SingleLabelClassification,

    /// <summary>Any number of classes, as a list.</summary>
    MultiLabelClassification,

    /// <summary>A number.</summary>
    Regression,
}

/// <summary>Which fields hold a text and its label.</summary>
/// <param name="Text">The text.</param>
/// <param name="Pair">The second text; null: there is one alone.</param>
/// <param name="Label">The label.</param>
public sealed record ClassificationFields(string Text, string? Pair, string Label);

/// <summary>A text, or two, and the label: framed, cut to a length, from the longer text first.</summary>
public sealed class ClassificationEncoder(TrainedTokenizer tokenizer, ClassificationFields fields, int length) : IExampleEncoder
{
    private readonly Framing _framing = tokenizer.Framing;

    /// <summary>What the label is.</summary>
    public ClassificationKind Kind { get; init; }

    /// <summary>The classes, where it is of these.</summary>
    public LabelSet? Labels { get; init; }

    /// <inheritdoc/>
    public string Identity => $"classification/1 {tokenizer.Identity} {fields} {length} {Kind} {Labels?.Identity}";

    /// <inheritdoc/>
    public IReadOnlyList<string> Columns => fields.Pair is not null && _framing.HasTypes
        ? [Batch.Names.InputIds, Batch.Names.TokenTypeIds, Batch.Names.Labels] : [Batch.Names.InputIds, Batch.Names.Labels];

    /// <summary>How the labels are put into batches.</summary>
    public LabelKind LabelKind => Kind == ClassificationKind.SingleLabelClassification ? LabelKind.Class : LabelKind.Values;

    /// <inheritdoc/>
    public IEnumerable<Example> Encode(Document document)
    {
        var first = tokenizer.Encode(document.TextOf(fields.Text));
        FramedText framed;
        if (fields.Pair is { } pair)
        {
            var second = tokenizer.Encode(document.TextOf(pair));
            var (a, b) = Cut(first.Length, second.Length, Math.Max(2, length - _framing.PairTokens));
            framed = _framing.Pair([.. first.Take(a)], [.. second.Take(b)]);
        }
        else framed = _framing.One([.. first.Take(Math.Max(1, length - _framing.SingleTokens))]);
        yield return new(new Dictionary<string, int[]>
        {
            [Batch.Names.InputIds] = framed.Ids, [Batch.Names.TokenTypeIds] = framed.Types, [Batch.Names.Labels] = Label(document),
        });
    }

    // The longer one is cut until both fit, as the reference library's longest_first does.
    private static (int First, int Second) Cut(int first, int second, int room)
    {
        if (first > second) return Cut(second, first, room) is var (shorter, longer) ? (longer, shorter) : default;
        if (first + second <= room) return (first, second);
        return first <= room / 2 ? (first, room - first) : (room / 2, room - room / 2);
    }

    private int[] Label(Document document)
    {
        if (Kind == ClassificationKind.SingleLabelClassification) return [Labels!.Id(fields.Label, document.TextOf(fields.Label))];
        if (Kind == ClassificationKind.Regression) return [BitConverter.SingleToInt32Bits((float)document.Number(fields.Label))];
        var wanted = document.Strings(fields.Label).Select(name => Labels!.Id(fields.Label, name)).ToHashSet();
        return [.. Labels!.Names.Select((_, id) => BitConverter.SingleToInt32Bits(wanted.Contains(id) ? 1 : 0))];
    }
}
