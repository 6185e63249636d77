using TransformerTorch.Text.Decoders;
using TransformerTorch.Text.Models;
using TransformerTorch.Text.Normalizers;
using TransformerTorch.Text.Patterns;
using TransformerTorch.Text.PreTokenizers;

namespace TransformerTorch.Text.Training;

/// <summary>
/// Learns a unigram model (Kudo 2018, arXiv:1804.10959): from all frequent substrings, pieces are dropped that the likelihood of the
/// corpus misses least. Without a pipeline, as T5 does.
/// </summary>
public sealed record UnigramTrainer : Trainer
{
    /// <summary>The token for unknown characters; it is added to the special tokens if it is not among them.</summary>
    public string UnknownToken { get; init; } = "<unk>";

    /// <summary>Characters that are pieces whether they occur or not.</summary>
    public IReadOnlyCollection<string> InitialAlphabet { get; init; } = [];

    /// <summary>The part of the pieces that each round of dropping keeps.</summary>
    public double ShrinkingFactor { get; init; } = 0.75;

    /// <summary>Rounds of expectation and maximization between two droppings.</summary>
    public int SubIterations { get; init; } = 2;

    /// <summary>Characters of the longest piece.</summary>
    public int MaxPieceLength { get; init; } = 16;

    /// <summary>Pieces to begin with, at most.</summary>
    public int SeedSize { get; init; } = 1_000_000;

    private protected override Tokenizer DefaultPipeline() => new(
        new WordLevelModel(new Vocabulary(), UnknownToken),
        new SequenceNormalizer(
        [
            new NmtNormalizer(),
            new FormNormalizer(compatible: true, compose: true),
            new ReplaceNormalizer(new PatternSource(" {2,}", IsRegex: true), " "),
        ]),
        new MetaspacePreTokenizer("▁", PrependScheme.Always, split: true),
        postProcessor: null,
        new MetaspaceDecoder("▁", PrependScheme.Always, split: true));

    private protected override IReadOnlyList<string> AllSpecialTokens => WithUnknown(UnknownToken);

    private protected override Model Learn(WordCounts words, Tokenizer pipeline, IProgress<TrainingProgress>? progress)
    {
        if (ShrinkingFactor is not (> 0 and < 1))
            throw new TokenizerException($"the shrinking factor is {ShrinkingFactor}; a number between 0 and 1 is expected");
        var special = AllSpecialTokens;
        var pieces = new UnigramLearner(this, words, progress).Run(VocabularySize - special.Count);
        var unknown = special.TakeWhile(token => token != UnknownToken).Count();
        return new UnigramModel([.. special.Select(token => (Unicode.Utf8.Bytes(token), 0.0)), .. pieces], unknown, byteFallback: false);
    }
}
