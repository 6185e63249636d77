namespace TransformerTorch.Data.Encoders;

/// <summary>Words with a class each: the class stands at the first token of its word, -100 at the others (Devlin et al., 2019).</summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="fields">Fields of the words and of their classes: lists of one length.</param>
/// <param name="labels">The classes.</param>
/// <param name="length">Tokens at most, the frame's included; words beyond are cut off.</param>
public sealed class TokenClassificationEncoder(
    TrainedTokenizer tokenizer, (string Words, string Labels) fields, LabelSet labels, int length) : IExampleEncoder
{
    /// <summary>Whether all tokens of a word have its class.</summary>
    public bool LabelsAllTokens { get; init; }

    /// <inheritdoc/>
    public string Identity => $"token-classification/1 {tokenizer.Identity} {fields} {labels.Identity} {length} {LabelsAllTokens}";

    /// <inheritdoc/>
    public IReadOnlyList<string> Columns => [Batch.Names.InputIds, Batch.Names.Labels];

    /// <inheritdoc/>
    public IEnumerable<Example> Encode(Document document)
    {
        var (words, classes) = (document.Strings(fields.Words), document.Strings(fields.Labels));
        if (words.Count != classes.Count)
            throw new RecordException($"has {words.Count} items in '{fields.Words}' and {classes.Count} in '{fields.Labels}'");
        var ids = classes.Select(name => labels.Id(fields.Labels, name)).ToArray();
        var encoding = tokenizer.Tokenizer.EncodeWords(words, addSpecialTokens: false);
        var framing = tokenizer.Framing;
        var count = Math.Min(encoding.Count, Math.Max(1, length - framing.SingleTokens));
        var of = encoding.WordIds;
        var own = Enumerable.Range(0, count).Select(i => of[i] is { } word && (LabelsAllTokens || i == 0 || of[i - 1] != word)
            ? ids[word] : -100);
        var framed = framing.One(encoding.Ids.AsSpan(0, count));
        var before = framing.Before(pair: false);
        yield return new(new Dictionary<string, int[]>
        {
            [Batch.Names.InputIds] = framed.Ids,
            [Batch.Names.Labels] =
            [
                .. Enumerable.Repeat(-100, before), .. own, .. Enumerable.Repeat(-100, framing.SingleTokens - before),
            ],
        });
    }
}
