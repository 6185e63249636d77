using TransformerTorch.Text.Decoders;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Normalizers;
using TransformerTorch.Text.PreTokenizers;

namespace TransformerTorch.Text.Training;

/// <summary>
/// Learns WordPiece's pieces as the reference does, by merging pairs; without a pipeline, as BERT does over lower-cased words.
/// </summary>
public sealed record WordPieceTrainer : Trainer
{
    /// <summary>The token for words that cannot be put together; it is added to the special tokens if it is not among them.</summary>
    public string UnknownToken { get; init; } = "[UNK]";

    /// <summary>Pairs that occur more rarely are not merged.</summary>
    public long MinFrequency { get; init; }

    /// <summary>The characters of the alphabet that are kept, the most frequent; null: all.</summary>
    public int? LimitAlphabet { get; init; }

    /// <summary>Characters that are in the alphabet whether they occur or not.</summary>
    public IReadOnlyCollection<string> InitialAlphabet { get; init; } = [];

    /// <summary>Stands before pieces that do not begin a word.</summary>
    public string ContinuingSubwordPrefix { get; init; } = "##";

    /// <summary>Words of more characters are unknown.</summary>
    public int MaxWordLength { get; init; } = 100;

    private protected override Tokenizer DefaultPipeline() => new(
        new WordLevelModel(new Vocabulary(), UnknownToken),
        new BertNormalizer(new BertNormalizerOptions()),
        new BertPreTokenizer(),
        postProcessor: null,
        new WordPieceDecoder(ContinuingSubwordPrefix, cleanup: true));

    private protected override IReadOnlyList<string> AllSpecialTokens => WithUnknown(UnknownToken);

    private protected override Model Learn(WordCounts words, Tokenizer pipeline, IProgress<TrainingProgress>? progress)
    {
        var pairs = new BytePairTrainer
        {
            VocabularySize = VocabularySize,
            SpecialTokens = AllSpecialTokens,
            MinFrequency = MinFrequency,
            LimitAlphabet = LimitAlphabet,
            InitialAlphabet = InitialAlphabet,
            ContinuingSubwordPrefix = ContinuingSubwordPrefix,
        };
        var learner = new PairLearner(pairs, words, progress);
        learner.Run();
        return new WordPieceModel(learner.Vocabulary(), UnknownToken, ContinuingSubwordPrefix, MaxWordLength);
    }
}
