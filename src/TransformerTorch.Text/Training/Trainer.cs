using TransformerTorch.Text.Models;
using TransformerTorch.Text.Pipeline;

namespace TransformerTorch.Text.Training;

/// <summary>Learns a vocabulary from texts. The same texts and options give the same tokenizer, whatever the number of cores.</summary>
public abstract record Trainer
{
    /// <summary>Tokens of the result, the special ones included.</summary>
    public int VocabularySize { get; init; } = 30_000;

    /// <summary>They get the first ids, in this order, and are matched in texts before anything else.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = [];

    /// <summary>
    /// Learns from <paramref name="texts"/>, which are read once. Normalizer, pre-tokenizer, post-processor and decoder come from
    /// <paramref name="pipeline"/>; without one, from the usual pipeline of this kind of model.
    /// </summary>
    public Tokenizer Train(IEnumerable<string> texts, IProgress<TrainingProgress>? progress = null, Tokenizer? pipeline = null)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(VocabularySize);
        pipeline ??= DefaultPipeline();
        var words = WordCounts.Of(texts, pipeline, progress);
        var model = Learn(words, pipeline, progress);
        var tokenizer = new Tokenizer(model, pipeline.Normalizer, pipeline.PreTokenizer, pipeline.PostProcessor, pipeline.Decoder);
        tokenizer.AddTokens(AllSpecialTokens.Select(AddedToken.SpecialToken));
        return tokenizer;
    }

    /// <summary>Learns from the lines of files, line breaks included.</summary>
    public Tokenizer TrainFromFiles(IEnumerable<string> paths, IProgress<TrainingProgress>? progress = null, Tokenizer? pipeline = null) =>
        Train(paths.SelectMany(Lines.Read), progress, pipeline);

    /// <summary>The special tokens with those that the model cannot do without.</summary>
    private protected virtual IReadOnlyList<string> AllSpecialTokens => SpecialTokens;

    private protected IReadOnlyList<string> WithUnknown(string token) =>
        SpecialTokens.Contains(token) ? SpecialTokens : [token, .. SpecialTokens];

    private protected abstract Tokenizer DefaultPipeline();

    private protected abstract Model Learn(WordCounts words, Tokenizer pipeline, IProgress<TrainingProgress>? progress);
}
