using Microsoft.ML.Tokenizers;
using TransformerTorch.Text.MicrosoftML;

namespace TransformerTorch.Text.Tests.MicrosoftML;

/// <summary>Microsoft.ML.Tokenizers' tokenizers as ours: the answers are those of the tokenizer behind.</summary>
public sealed class InwardTests
{
    private static readonly string[] _texts = ["Hello world", "", " two  spaces ", "It's 😀 fine, isn't it? 中文", "<s> the </s>", "a\nb"];

    [Fact]
    public void A_bpe_tokenizer_answers_through_ours()
    {
        using var vocabulary = new MemoryStream("""{"a":0,"b":1,"ab":2," ":3,"abab":4,"[U]":5}"""u8.ToArray());
        using var merges = new MemoryStream("#version: 0.2\na b\nab ab\n"u8.ToArray());
        var other = BpeTokenizer.Create(
            vocabulary, merges, preTokenizer: null, normalizer: null, specialTokens: null, unknownToken: "[U]");

        var ours = other.AsTokenizer();

        Assert.Equal(other.EncodeToIds("abab aab"), ours.Encode("abab aab").Ids);
        Assert.Equal(["abab", "a", "ab"], ours.Encode("ababaab").Tokens);
        Assert.Equal([(0, 4), (4, 5), (5, 7)], ours.Encode("ababaab").Offsets);
        Assert.Equal((6, 4, "ab"), (ours.VocabularySize, ours.TokenToId("abab"), ours.IdToToken(2)));
        Assert.Equal(other.Decode([4, 0]), ours.Decode([4, 0]));
    }

    [Fact]
    public void A_sentencepiece_tokenizer_keeps_its_beginning()
    {
        using var model = File.OpenRead(Path.Combine(Fixture.Path("sentencepiece-bpe"), "spiece.model"));
        var other = LlamaTokenizer.Create(model);

        var ours = other.AsTokenizer();

        foreach (var text in _texts.Where(text => text.Length > 0)) // theirs marks no beginning of nothing, ours does
        {
            var ids = other.EncodeToIds(text);
            Assert.Equal(ids, ours.Encode(text).Ids);
            Assert.Equal(ids.Skip(1), ours.Encode(text, addSpecialTokens: false).Ids);
            Assert.Equal(other.Decode(ids.Skip(1)), ours.Decode(ids));
            Assert.Equal(ours.Decode(ids), Streamed(ours, ids));
        }
        Assert.Equal(other.BeginningOfSentenceId, ours.TokenToId(other.BeginningOfSentenceToken));
    }

    [Fact]
    public void A_bert_tokenizer_keeps_the_tokens_around_a_text()
    {
        string[] words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world", "##s", "it"];
        using var vocabulary = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(string.Join('\n', words)));
        var other = BertTokenizer.Create(vocabulary);

        var ours = other.AsTokenizer(words.Length);

        foreach (var text in _texts)
        {
            Assert.Equal(other.EncodeToIds(text), ours.Encode(text).Ids);
            Assert.Equal(other.EncodeToIds(text, addSpecialTokens: false), ours.Encode(text, addSpecialTokens: false).Ids);
        }
        Assert.Equal([2, 5, 3, 6, 7, 3], ours.Encode("hello", "Worlds").Ids);
        Assert.Equal([0, 0, 0, 1, 1, 1], ours.Encode("hello", "Worlds").TypeIds);
        Assert.Equal(9, ours.VocabularySize);
    }

    [Fact]
    public void Tiktoken_ranks_stream_without_half_characters()
    {
        var ranks = Enumerable.Range(0, 256).Select(value => $"{Convert.ToBase64String([(byte)value])} {value}");
        using var file = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(string.Join('\n', ranks)));
        var other = TiktokenTokenizer.Create(file, preTokenizer: null, normalizer: null);

        Assert.Contains("vocabulary", Assert.Throws<ArgumentException>(() => other.AsTokenizer()).Message);
        var ours = other.AsTokenizer(256);

        foreach (var text in _texts)
        {
            Assert.Equal(other.EncodeToIds(text), ours.Encode(text).Ids);
            Assert.Equal(text, ours.Decode(ours.Encode(text).Ids));
            Assert.Equal(text, Streamed(ours, ours.Encode(text).Ids));
        }
    }

    [Fact]
    public void It_cannot_be_saved_and_says_so()
    {
        using var model = File.OpenRead(Path.Combine(Fixture.Path("sentencepiece-bpe"), "spiece.model"));
        var ours = LlamaTokenizer.Create(model).AsTokenizer();

        var path = Path.Combine(Path.GetTempPath(), $"never-{Guid.NewGuid()}.json");
        Assert.Throws<NotSupportedException>(() => ours.Save(path));
        Assert.False(File.Exists(path));
    }

    private static string Streamed(Text.Tokenizer tokenizer, IEnumerable<int> ids)
    {
        var stream = tokenizer.StreamDecoder();
        return string.Concat(ids.Select(stream.Add)) + stream.Finish();
    }
}
