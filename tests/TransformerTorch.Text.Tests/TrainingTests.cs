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
    public void Files_are_learned_with_their_line_breaks()
    {
        var path = Path.GetTempFileName();
        File.WriteAllText(path, "one\r\ntwo\n\nthree");

        var tokenizer = new BytePairTrainer { VocabularySize = 270 }.TrainFromFiles([path]);

        File.Delete(path);
        Assert.Equal("one\r\ntwo\n\nthree", tokenizer.Decode(tokenizer.Encode("one\r\ntwo\n\nthree").Ids));
        Assert.NotNull(tokenizer.TokenToId("čĊ"));
    }

    [Fact]
    public void Cores_and_order_of_texts_do_not_change_the_result()
    {
        string[] texts = [.. Enumerable.Range(0, 3_000).Select(i => $"word{i % 37} and {i % 11} some text{i % 5}ing naïve 你好")];
        foreach (var trainer in (Trainer[])
            [
                new BytePairTrainer { VocabularySize = 400 },
                new WordPieceTrainer { VocabularySize = 150 },
                new UnigramTrainer { VocabularySize = 120 },
                new WordLevelTrainer { VocabularySize = 40 },
            ])
        {
            Assert.Equal(Json(trainer.Train(texts)), Json(trainer.Train(texts.Reverse())));
        }
    }

    [Fact]
    public void Every_kind_of_model_is_learned_saved_and_read_again()
    {
        string[] texts = [.. Enumerable.Repeat(_texts, 20).SelectMany(text => text)];
        foreach (var trainer in (Trainer[])
            [
                new WordPieceTrainer { VocabularySize = 100, SpecialTokens = ["[PAD]", "[UNK]"] },
                new UnigramTrainer { VocabularySize = 90, SpecialTokens = ["<pad>", "</s>", "<unk>"] },
                new WordLevelTrainer { VocabularySize = 20 },
            ])
        {
            var tokenizer = trainer.Train(texts);
            var loaded = Tokenizer.FromJson(System.Text.Encoding.UTF8.GetBytes(Json(tokenizer)));

            Assert.InRange(tokenizer.VocabularySize, 15, trainer.VocabularySize);
            Assert.All(trainer.SpecialTokens, (token, id) => Assert.Equal(id, tokenizer.TokenToId(token)));
            Assert.All(texts, text => Assert.Equal(tokenizer.Encode(text).Ids, loaded.Encode(text).Ids));
            Assert.Equal(Json(tokenizer), Json(loaded));
        }
    }

    [Fact]
    public void Too_small_a_vocabulary_is_refused_with_the_numbers()
    {
        var error = Assert.Throws<TokenizerException>(() => new UnigramTrainer { VocabularySize = 10 }.Train(_texts));

        Assert.Contains("the vocabulary has room for 9 pieces", error.Message, StringComparison.Ordinal);
    }

    private static string Json(Tokenizer tokenizer)
    {
        var path = Path.GetTempFileName();
        tokenizer.Save(path);
        var json = File.ReadAllText(path);
        File.Delete(path);
        return json;
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
