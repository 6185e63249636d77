using TransformerTorch.Text.Training;

namespace TransformerTorch.Text.Tests;

public sealed class TrainingTests
{
    private static readonly string[] _texts =
    [
        "The quick brown fox jumps over the lazy dog.", "the theme of the thesis", "C'est l'été, naïve 你好 😀", "  spaces\tand\nlines ",
    ];

    [Fact]
    public void A_trained_byte_level_tokenizer_gives_every_text_back()
    {
        var tokenizer = new BytePairTrainer { VocabularySize = 300, SpecialTokens = ["<|endoftext|>"] }.Train(_texts);

        Assert.Equal(300, tokenizer.VocabularySize);
        Assert.Equal(0, tokenizer.TokenToId("<|endoftext|>"));
        Assert.All(_texts, text => Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text).Ids)));
        Assert.Equal("Ġthe", tokenizer.Encode(" the").Tokens[0]);
    }

    [Fact]
    public void A_saved_tokenizer_loads_as_the_same()
    {
        var tokenizer = new BytePairTrainer { VocabularySize = 300, SpecialTokens = ["<|endoftext|>"] }.Train(_texts);
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        tokenizer.Save(path);

        var loaded = Tokenizer.FromFile(path);

        File.Delete(path);
        Assert.All(_texts, text => Assert.Equal(tokenizer.Encode(text + "<|endoftext|>").Ids, loaded.Encode(text + "<|endoftext|>").Ids));
        Assert.Equal("fox", loaded.Decode(loaded.Encode("fox<|endoftext|>").Ids));
    }
}
