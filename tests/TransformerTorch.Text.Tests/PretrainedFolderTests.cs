using FsCheck.Xunit;

namespace TransformerTorch.Text.Tests;

/// <summary>What a folder says beside its vocabulary, as Transformers reads it; and what is said of broken folders.</summary>
public sealed class PretrainedFolderTests : IDisposable
{
    private const string Words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\n";
    private readonly string _folder = Directory.CreateTempSubdirectory("pretrained-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_folder_without_a_tokenizer_is_told_every_file_that_was_looked_for()
    {
        var error = Assert.Throws<TokenizerException>(() => Tokenizer.FromPretrained(_folder));

        Assert.All(
            ["tokenizer.json", "spiece.model", "tokenizer.model", "vocab.json", "vocab.txt", "*.tiktoken"],
            name => Assert.Contains(name, error.Message));
    }

    [Fact]
    public void The_origin_tells_which_form_was_picked_and_which_were_not_there()
    {
        Write("vocab.txt", Words);

        var origin = Tokenizer.FromPretrained(_folder).Origin;

        Assert.Contains("vocab.txt", origin);
        Assert.Contains("no tokenizer.json", origin);
    }

    [Fact]
    public void Roles_lengths_and_templates_are_read_from_the_config()
    {
        Write("vocab.txt", Words);
        Write("tokenizer_config.json", """
            {"tokenizer_class": "BertTokenizer", "model_max_length": 512, "bos_token": {"content": "<s>", "lstrip": true},
             "extra_special_tokens": ["<tool>"],
             "chat_template": [{"name": "default", "template": "a"}, {"name": "tools", "template": "b"}]}
            """);

        var tokenizer = Tokenizer.FromPretrained(_folder);

        Assert.Equal(512, tokenizer.ModelMaxLength);
        Assert.Equal(("<s>", "[CLS]", "[MASK]"), (tokenizer.SpecialTokens.Bos, tokenizer.SpecialTokens.Cls, tokenizer.SpecialTokens.Mask));
        Assert.Null(tokenizer.SpecialTokens.Eos);
        Assert.Equal(["<tool>"], tokenizer.SpecialTokens.Extra);
        Assert.Equal("b", tokenizer.ChatTemplates["tools"]);
        Assert.True(tokenizer.AddedTokens[tokenizer.TokenToId("<s>")!.Value].LeftStrip);
    }

    [Theory]
    [InlineData("1000000000000000019884624838656")]
    [InlineData("1e30")]
    [InlineData("null")]
    [InlineData("-1")]
    public void An_absurd_model_max_length_is_none(string length)
    {
        Write("vocab.txt", Words);
        Write("tokenizer_config.json", $$"""{"model_max_length": {{length}}}""");

        Assert.Null(Tokenizer.FromPretrained(_folder).ModelMaxLength);
    }

    /// <summary>Truth: Transformers, which turns both off for a call that asks for neither, and tokenizers, which keeps them.</summary>
    [Fact]
    public void What_tokenizer_json_cuts_and_fills_up_counts_for_the_file_alone()
    {
        var saved = Fixture.Tokenizer("bert-uncased");
        (saved.Truncation, saved.Padding) = (new Truncation(4), new Padding { Length = 6 });
        saved.Save(Path.Combine(_folder, "tokenizer.json"));

        Assert.Equal(6, Tokenizer.FromFile(Path.Combine(_folder, "tokenizer.json")).Encode("a b c d").Count);
        var tokenizer = Tokenizer.FromPretrained(_folder);

        Assert.Equal(["[CLS]", "a", "b", "c", "d", "[SEP]"], tokenizer.Encode("a b c d").Tokens);
        Assert.Equal((null, null), (tokenizer.Truncation, tokenizer.Padding));
    }

    [Fact]
    public void A_template_file_goes_before_the_configs()
    {
        Write("vocab.txt", Words);
        Write("tokenizer_config.json", """{"chat_template": "old"}""");
        Write("chat_template.jinja", "new");

        Assert.Equal("new", Tokenizer.FromPretrained(_folder).ChatTemplates["default"]);
    }

    [Theory]
    [InlineData("""{"pad_token": "[PAD]"}""", "<map>")] // the old file goes over a config without added_tokens_decoder
    [InlineData("""{"pad_token": "[PAD]", "added_tokens_decoder": {"0": {"content": "[PAD]", "special": true}}}""", "[PAD]")]
    public void The_old_files_count_only_where_the_config_lists_no_added_tokens(string config, string expected)
    {
        Write("vocab.txt", Words);
        Write("tokenizer_config.json", config);
        Write("special_tokens_map.json", """{"pad_token": "<map>"}""");

        Assert.Equal(expected, Tokenizer.FromPretrained(_folder).SpecialTokens.Pad);
    }

    [Fact]
    public void An_added_token_keeps_the_id_that_the_folder_gives_it()
    {
        Write("vocab.txt", Words);
        Write("tokenizer_config.json", "{}");
        Write("added_tokens.json", """{"<late>": 20}""");

        var tokenizer = Tokenizer.FromPretrained(_folder);

        Assert.Equal([2, 5, 20, 3], tokenizer.Encode("hello <late>").Ids);
        Assert.Equal("hello <late>", tokenizer.Decode([5, 20]));
    }

    [Theory]
    [InlineData("{}", "{}", "vocab.json: it is not there")]
    [InlineData("{\"a\": 0, \"<unk>\": 2}", "{}", "no token has id 1")]
    [InlineData("{\"<unk>\": 0}", "{\"separate_vocabs\": true}", "separate_vocabs")]
    public void A_marian_folder_that_cannot_be_served_is_refused_with_its_fault(string vocabulary, string config, string fault)
    {
        File.Copy(Fixture.Path("pretrained/marian/source.spm"), Path.Combine(_folder, "source.spm"));
        Write("tokenizer_config.json", config);
        if (vocabulary != "{}")
            Write("vocab.json", vocabulary);

        Assert.Contains(fault, Assert.Throws<TokenizerException>(() => Tokenizer.FromPretrained(_folder)).Message);
    }

    [Theory]
    [InlineData("vocab.txt", Words, "added_tokens.json", """{"<late>": 5}""", "'hello'")]
    [InlineData("vocab.txt", "a\nb\n", "tokenizer_config.json", "{}", "'[UNK]'")]
    [InlineData("vocab.txt", Words, "tokenizer_config.json", """{"tokenizer_class": "PegasusTokenizer"}""", "pegasus")]
    [InlineData("vocab.txt", Words, "tokenizer_config.json", "[1]", "object")]
    [InlineData("vocab.txt", Words, "tokenizer_config.json", "{", "not JSON")]
    [InlineData("vocab.json", """{"a": 0}""", "vocab.txt", Words, "merges.txt")]
    [InlineData("vocab.json", """{"a": 0}""", "merges.txt", "a b", "'b' is not in the vocabulary")]
    [InlineData("vocab.json", """{"a": 0, "b": 1}""", "merges.txt", "a b", "join to a token")]
    [InlineData("vocab.json", """{"a": 0, "b": 1}""", "merges.txt", "a b c", "two tokens")]
    [InlineData("vocab.json", """{"a": -1}""", "merges.txt", "", "whole number")]
    [InlineData("x.tiktoken", "YQ== 0\n@@@ 1", "config.json", "{}", "line 2")]
    [InlineData("x.tiktoken", "YQ== 0\nYQ== 1", "config.json", "{}", "already")]
    [InlineData("x.tiktoken", "YQ== 0\nYg== 0", "config.json", "{}", "already")]
    [InlineData("x.tiktoken", "", "config.json", "{}", "no ranks")]
    public void A_broken_folder_is_refused_with_its_fault(string name, string content, string otherName, string otherContent, string fault)
    {
        Write(name, content);
        Write(otherName, otherContent);

        var error = Assert.Throws<TokenizerException>(() => Tokenizer.FromPretrained(_folder));

        Assert.Contains(fault, error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Tiktoken_ranks_merge_the_lowest_rank_first_and_special_tokens_keep_their_ids()
    {
        string[] tokens = ["a", "b", "c", "bc", "ab", "abc", " "];
        var path = Path.Combine(_folder, "cl100k_base.tiktoken");
        File.WriteAllLines(path,
            tokens.Select((token, rank) => $"{Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(token))} {rank}"));

        var tokenizer = Tokenizer.FromTiktoken(path);

        Assert.Equal([5, 6, 4, 0, 100257], tokenizer.Encode("abc aba<|endoftext|>", addSpecialTokens: false).Ids);
        Assert.Equal("abc aba", tokenizer.Decode([5, 6, 4, 0, 100257]));
    }

    [Property(MaxTest = 300)]
    public void Any_bytes_are_a_sentencepiece_model_or_a_named_error(byte[] bytes) => ReadsOrNames(bytes);

    [Property(MaxTest = 300)]
    public void A_damaged_sentencepiece_model_is_read_or_a_named_error(int seed)
    {
        var bytes = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "fixtures", "tokenizers", "sentencepiece-bpe",
            "spiece.model"));
        var random = new Random(seed);
        for (var i = random.Next(1, 6); i > 0; i--)
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        ReadsOrNames(bytes[..random.Next(bytes.Length / 2, bytes.Length + 1)]);
    }

    [Fact]
    public void A_length_beyond_the_file_is_told_with_its_place()
    {
        var error = Assert.Throws<TokenizerException>(() => ReadModel([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 1]));

        Assert.Contains("2147483647 bytes are announced, 1 are left", error.Message);
    }

    private void ReadsOrNames(byte[] bytes)
    {
        try
        {
            ReadModel(bytes).Encode("Hello 世界 \ud800");
        }
        catch (TokenizerException exception)
        {
            Assert.Contains("spiece.model", exception.Message);
        }
    }

    private Tokenizer ReadModel(byte[] bytes)
    {
        var path = Path.Combine(_folder, "spiece.model");
        File.WriteAllBytes(path, bytes);
        return Tokenizer.FromSentencePiece(path);
    }

    private void Write(string name, string content) => File.WriteAllText(Path.Combine(_folder, name), content);
}
