using Microsoft.ML.Tokenizers;

namespace TransformerTorch.Text.MicrosoftML;

/// <summary>How a tokenizer of ours answers behind Microsoft.ML.Tokenizers' class.</summary>
public sealed record MicrosoftTokenizerOptions
{
    /// <summary>Whether encoding puts the post-processor's tokens around the text.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>Whether decoding leaves special tokens out.</summary>
    public bool SkipSpecialTokens { get; init; } = true;
}

/// <summary>Between this library's tokenizers and those of Microsoft.ML.Tokenizers.</summary>
public static class TokenizerAdapters
{
    /// <summary>
    /// Our tokenizer wherever a Microsoft.ML.Tokenizers one is asked for. Offsets are those of the text as given, whatever the normalizer
    /// makes of it; a limit of tokens never cuts through a character. Normalizing and pre-tokenizing cannot be switched off.
    /// </summary>
    public static Microsoft.ML.Tokenizers.Tokenizer AsMicrosoftTokenizer(
        this Tokenizer tokenizer, MicrosoftTokenizerOptions? options = null) =>
        new OutwardTokenizer(tokenizer, options ?? new MicrosoftTokenizerOptions());

    /// <summary>
    /// A Microsoft.ML.Tokenizers tokenizer wherever one of ours is asked for: it cuts whole texts and decodes ids itself. Where it
    /// normalizes the text, each token's offsets are the whole text's. It cannot be saved.
    /// </summary>
    /// <param name="tokenizer">BERT's class and sentencepiece's keep the special tokens that they add.</param>
    /// <param name="vocabularySize">Ids, from 0; needed where the class does not tell its vocabulary (tiktoken, WordPiece).</param>
    /// <exception cref="ArgumentException">The size is not given and not known.</exception>
    public static Tokenizer AsTokenizer(this Microsoft.ML.Tokenizers.Tokenizer tokenizer, int? vocabularySize = null)
    {
        var facts = OtherFacts.Of(tokenizer);
        var size = vocabularySize ?? (facts.Vocabulary.Count > 0 ? facts.Vocabulary.Values.Max() + 1 : throw new ArgumentException(
            $"{tokenizer.GetType().Name} does not tell its vocabulary; give its size", nameof(vocabularySize)));
        return new Tokenizer(
            new InwardModel(tokenizer, facts, size), normalizer: null, preTokenizer: null, facts.PostProcessor(), decoder: null)
        {
            Origin = $"Microsoft.ML.Tokenizers' {tokenizer.GetType().Name}",
        };
    }
}
