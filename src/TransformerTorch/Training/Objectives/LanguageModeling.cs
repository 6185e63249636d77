using System.ComponentModel.DataAnnotations;
using TransformerTorch.Configuration;
using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
using TransformerTorch.Data.Encoders;
using TransformerTorch.Models;

namespace TransformerTorch.Training.Objectives;

/// <summary>Each token is predicted from those before it.</summary>
public sealed record CausalLanguageModelingConfig : ObjectiveConfig
{
    /// <summary>The field that is read.</summary>
    [KnownAs("dataset_text_field", "field")]
    public string TextColumn { get; init; } = "text";

    internal override ModelTask Task => ModelTask.CausalLanguageModel;

    internal override PreparedObjective Prepare(ObjectiveContext context) => new(new(new TextEncoder(context.Tokenizer, TextColumn),
        (file, seed) => new Windows(file, new(context.Length) { Overlap = 1, Isolated = context.Data.IsolateDocuments, Seed = seed }),
        new NextTokenCollator()));
}

/// <summary>Tokens are hidden and predicted from both sides (BERT).</summary>
public sealed record MaskedLanguageModelingConfig : ObjectiveConfig
{
    /// <summary>The field that is read.</summary>
    public string TextColumn { get; init; } = "text";

    /// <summary>What is hidden.</summary>
    public Masking Masking { get; init; } = new();

    /// <summary>What is to be told of pairs of segments beside; none where it is not given.</summary>
    public PairTask? SentencePairs { get; init; }

    internal override ModelTask Task => SentencePairs is null ? ModelTask.MaskedLanguageModel : ModelTask.Pretraining;

    internal override bool Packs(DataConfig data) => data.IsolateDocuments && SentencePairs is null;

    internal override TokenizerStyle TokenizerStyle => TokenizerStyle.Bert;

    internal override PreparedObjective Prepare(ObjectiveContext context)
    {
        var recipe = MaskedText.Recipe(context, TextColumn, Masking);
        return SentencePairs is not { } task ? new(recipe) : new(recipe with
        {
            Encoder = new TextEncoder(context.Tokenizer, TextColumn, MaskedText.Marks(Masking) | TextMarks.Sentences),
            Layout = (file, seed) => new SentencePairs(file, task, context.Length - context.Tokenizer.Framing.PairTokens, seed ?? 0),
        });
    }
}

/// <summary>Masked running text, for those who predict what was masked and those who tell what was replaced.</summary>
internal static class MaskedText
{
    public static TextMarks Marks(Masking masking) => masking.Unit == MaskingUnit.Token ? TextMarks.None : TextMarks.Words;

    public static Recipe Recipe(ObjectiveContext context, string column, Masking masking)
    {
        var (tokenizer, length) = (context.Tokenizer, context.Length - context.Tokenizer.Framing.SingleTokens);
        var tokens = new MaskTokens(tokenizer.Mask, tokenizer.Tokenizer.VocabularySize, tokenizer.Special);
        return new(new TextEncoder(tokenizer, column, Marks(masking)),
            (file, seed) => context.Data.IsolateDocuments
                ? new Pieces(file, length, finished: tokens => tokens + tokenizer.Framing.SingleTokens)
                : new Windows(file, new(length) { Seed = seed }),
            new MaskedCollator(masking, tokens, tokenizer.Framing, tokenizer.Padding));
    }
}

/// <summary>Spans are cut out of the text and written by the decoder (T5).</summary>
public sealed record SpanCorruptionConfig : ObjectiveConfig
{
    /// <summary>The field that is read.</summary>
    public string TextColumn { get; init; } = "text";

    /// <summary>Share of the tokens that is cut out.</summary>
    [Range(0.0, 1, MinimumIsExclusive = true, MaximumIsExclusive = true)]
    public double NoiseDensity { get; init; } = 0.15;

    /// <summary>Mean length of the spans.</summary>
    [Range(1.0, 1000)]
    public double MeanNoiseSpanLength { get; init; } = 3;

    internal override ModelTask Task => ModelTask.SequenceToSequence;

    internal override bool Packs(DataConfig data) => data.IsolateDocuments;

    internal override TokenizerStyle TokenizerStyle => TokenizerStyle.T5;

    internal override PreparedObjective Prepare(ObjectiveContext context)
    {
        var (corruption, tokenizer) = (new SpanCorruption(NoiseDensity, MeanNoiseSpanLength), context.Tokenizer);
        var length = corruption.Lengths(context.Length).TokensLength;
        int Longer(int tokens) => corruption.Corrupted(tokens) is var (inputs, targets) ? Math.Max(inputs, targets) : 0;
        return new(new(new TextEncoder(tokenizer, TextColumn), RunningText(context.Data, length, Longer), new SpanCorruptionCollator(
            corruption, tokenizer.Sentinels(corruption.Spans(length)), tokenizer.EndMark, tokenizer.Padding)));
    }
}

/// <summary>The decoder writes the text that the encoder reads with noise (BART).</summary>
public sealed record DenoisingConfig : ObjectiveConfig
{
    /// <summary>The field that is read.</summary>
    public string TextColumn { get; init; } = "text";

    /// <summary>The noise.</summary>
    public Denoising Noise { get; init; } = new();

    internal override ModelTask Task => ModelTask.SequenceToSequence;

    internal override bool Packs(DataConfig data) => data.IsolateDocuments;

    internal override TokenizerStyle TokenizerStyle => TokenizerStyle.Bart;

    internal override PreparedObjective Prepare(ObjectiveContext context)
    {
        var (tokenizer, frame) = (context.Tokenizer, context.Tokenizer.Framing.SingleTokens);
        var marks = Noise.PermuteSentenceRatio > 0 ? TextMarks.Sentences : TextMarks.None;
        return new(new(new TextEncoder(tokenizer, TextColumn, marks),
            RunningText(context.Data, context.Length - frame, tokens => tokens + frame),
            new DenoisingCollator(Noise, tokenizer.Mask, tokenizer.Framing, tokenizer.Padding)));
    }
}
