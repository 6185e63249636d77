using TransformerTorch.Text.Models;
using TransformerTorch.Text.PreTokenizers;

namespace TransformerTorch.Text.Training;

/// <summary>Takes the most frequent words, of equally frequent ones the first in the order of their bytes.</summary>
public sealed record WordLevelTrainer : Trainer
{
    /// <summary>The token for words that are not in the vocabulary; it is added to the special tokens if it is not among them.</summary>
    public string UnknownToken { get; init; } = "[UNK]";

    /// <summary>Words that occur more rarely are left out.</summary>
    public long MinFrequency { get; init; }

    private protected override Tokenizer DefaultPipeline() => new(
        new WordLevelModel(new Vocabulary(), UnknownToken),
        normalizer: null,
        new WhitespacePreTokenizer(),
        postProcessor: null,
        decoder: null);

    private protected override IReadOnlyList<string> AllSpecialTokens => WithUnknown(UnknownToken);

    private protected override Model Learn(WordCounts words, Tokenizer pipeline, IProgress<TrainingProgress>? progress)
    {
        var vocabulary = new Vocabulary();
        foreach (var token in AllSpecialTokens)
            vocabulary.Add(token, vocabulary.Count);
        // The order by bytes is kept among equally frequent words.
        foreach (var word in words.InOrder().OrderByDescending(words.Frequency))
        {
            if (vocabulary.Count >= VocabularySize || words.Frequency(word) < MinFrequency)
                break;
            if (vocabulary.Id(words.Word(word)) < 0)
                vocabulary.Add(words.Word(word), vocabulary.Count);
        }
        return new WordLevelModel(vocabulary, UnknownToken);
    }
}
