using TransformerTorch.Text.Decoders;
using TransformerTorch.Text.Json;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.PostProcessors;
using TransformerTorch.Text.PreTokenizers;
using TransformerTorch.Text.Unicode;

namespace TransformerTorch.Text.Training;

/// <summary>Learns byte pairs (Sennrich et al. 2016, arXiv:1508.07909); without a pipeline, as GPT-2 does over bytes.</summary>
public sealed record BytePairTrainer : Trainer
{
    /// <summary>Pairs that occur more rarely are not merged.</summary>
    public long MinFrequency { get; init; }

    /// <summary>The characters of the alphabet that are kept, the most frequent; null: all.</summary>
    public int? LimitAlphabet { get; init; }

    /// <summary>Characters that are in the alphabet whether they occur or not; null: GPT-2's 256 when the pipeline ends in them.</summary>
    public IReadOnlyCollection<string>? InitialAlphabet { get; init; }

    /// <summary>Stands before characters that do not begin a word.</summary>
    public string? ContinuingSubwordPrefix { get; init; }

    /// <summary>Stands behind characters that end a word.</summary>
    public string? EndOfWordSuffix { get; init; }

    /// <summary>Longer tokens, in characters, are not made.</summary>
    public int? MaxTokenLength { get; init; }

    /// <summary>The token for what the vocabulary cannot say.</summary>
    public string? UnknownToken { get; init; }

    /// <summary>GPT-2's 256 characters for bytes.</summary>
    public static IReadOnlyCollection<string> ByteLevelAlphabet { get; } =
        [.. Enumerable.Range(0, 256).Select(value => ByteAlphabet.Character((byte)value).ToString())];

    private protected override IReadOnlyList<string> AllSpecialTokens => UnknownToken is null ? SpecialTokens : WithUnknown(UnknownToken);

    private protected override Tokenizer DefaultPipeline()
    {
        var model = new BytePairModel(new Vocabulary(), new MergeTable(0), new BytePairOptions());
        return new Tokenizer(
            model,
            normalizer: null,
            new ByteLevelPreTokenizer(new ByteLevelOptions { AddPrefixSpace = false }),
            new ByteLevelPostProcessor(new ByteLevelOptions { TrimOffsets = false }),
            new ByteLevelDecoder(new ByteLevelOptions()));
    }

    private protected override Model Learn(WordCounts words, Tokenizer pipeline, IProgress<TrainingProgress>? progress)
    {
        var bytes = InitialAlphabet is null && pipeline.PreTokenizer is ByteLevelPreTokenizer;
        var options = this with { SpecialTokens = AllSpecialTokens, InitialAlphabet = bytes ? ByteLevelAlphabet : InitialAlphabet };
        var learner = new PairLearner(options, words, progress);
        learner.Run();
        var vocabulary = learner.Vocabulary();
        var model = new BytePairOptions
        {
            UnknownToken = UnknownToken,
            ContinuingSubwordPrefix = ContinuingSubwordPrefix,
            EndOfWordSuffix = EndOfWordSuffix,
        };
        return new BytePairModel(vocabulary, learner.Merges(), model);
    }
}
