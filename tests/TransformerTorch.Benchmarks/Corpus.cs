using TransformerTorch.Data;
using TransformerTorch.Data.Sources;
using TransformerTorch.Text;
using TransformerTorch.Text.Training;

namespace TransformerTorch.Benchmarks;

/// <summary>The lines of .NET's documentation, and tokenizers trained on them.</summary>
public static class Corpus
{
    private static readonly Lazy<string[]> _lines = new(() =>
        [.. new DotnetDocumentation().Read().SelectMany(document => document.Text.Split('\n'))]);

    public static string[] Lines => _lines.Value;

    public static Trainer Trainer(string model) => model switch
    {
        "bpe" => new BytePairTrainer { SpecialTokens = ["<|endoftext|>"] },
        "wordpiece" => new WordPieceTrainer { SpecialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] },
        _ => new UnigramTrainer { VocabularySize = 16_000, SpecialTokens = ["<pad>", "</s>", "<unk>"] },
    };

    public static Tokenizer Train(string model) => Trainer(model).Train(Lines);
}
