namespace TransformerTorch.Data.Encoders;

/// <summary>Which fields hold a source and what is to be written of it.</summary>
/// <param name="Source">What the encoder reads.</param>
/// <param name="Target">What the decoder is to write.</param>
/// <param name="Prefix">Stands before each source ("summarize: ").</param>
public sealed record SequenceToSequenceFields(string Source, string Target, string Prefix);

/// <summary>A text from a text, both framed and cut.</summary>
public sealed class SequenceToSequenceEncoder(
    TrainedTokenizer tokenizer, SequenceToSequenceFields fields, (int Source, int Target) lengths) : IExampleEncoder
{
    /// <inheritdoc/>
    public string Identity => $"seq2seq/1 {tokenizer.Identity} {fields} {lengths}";

    /// <inheritdoc/>
    public IReadOnlyList<string> Columns => [Batch.Names.InputIds, Batch.Names.Labels];

    /// <inheritdoc/>
    public IEnumerable<Example> Encode(Document document)
    {
        yield return new(new Dictionary<string, int[]>
        {
            [Batch.Names.InputIds] = Framed(fields.Prefix + document.TextOf(fields.Source), lengths.Source),
            [Batch.Names.Labels] = Framed(document.TextOf(fields.Target), lengths.Target),
        });
    }

    private int[] Framed(string text, int length)
    {
        var framing = tokenizer.Framing;
        return framing.One([.. tokenizer.Encode(text).Take(Math.Max(1, length - framing.SingleTokens))]).Ids;
    }
}
