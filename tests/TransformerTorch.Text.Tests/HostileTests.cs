using FsCheck.Xunit;

namespace TransformerTorch.Text.Tests;

/// <summary>Files and texts that mean harm: an error that names the place, or an answer; never a crash, never without bound.</summary>
public sealed class HostileTests
{
    private const string Words = """{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1}}""";

    private static readonly byte[] _gpt2 = File.ReadAllBytes(Path.Combine(Fixture.Path("gpt2"), "tokenizer.json"));

    [Theory]
    [InlineData("", "not JSON")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"\ud800":0},"merges":[]}}""", "half a surrogate pair")]
    [InlineData("""{"model":{"type":"\ud800"}}""", "half a surrogate pair")]
    [InlineData("[]", "$: an object is expected")]
    [InlineData("{", "not JSON")]
    [InlineData("{}", "'model' is missing")]
    [InlineData("""{"version":"2.0","model":{}}""", "$.version: version '2.0' is unknown")]
    [InlineData("""{"model":{"type":"Magic"}}""", "$.model: model type 'Magic' is unknown")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}""", "$.model.vocab: the id of 'a'")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":1e400},"merges":[]}}""", "$.model.vocab: the id of 'a'")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":99999999999999999999},"merges":[]}}""", "$.model.vocab: the id of 'a'")]
    [InlineData("""{"model":{"type":"BPE","vocab":[],"merges":[]}}""", "$.model.vocab: an object")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}}""", "merge 0: 'a' and 'b' join to a token that is not")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":["a c"]}}""", "merge 0: 'c' is not in the vocabulary")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}}""", "merge 0: two tokens")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":["aa"]}}""", "merge 0: two tokens")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":2}}""", "$.model.dropout")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":7,"vocab":[["a",0]]}}""", "$.model.unk_id: id 7 is beyond the 1 pieces")]
    [InlineData("""{"model":{"type":"Unigram","vocab":[["a","b"]]}}""", "$.model.vocab: [0]: a piece and its score")]
    [InlineData("""{"model":{"type":"WordPiece","vocab":{}}}""", "'unk_token' is missing")]
    public void A_broken_model_is_named(string json, string expected) => AssertRefused(json, expected);

    [Theory]
    [InlineData("normalizer", """{"type":"Shout"}""", "$.normalizer: normalizer type 'Shout' is unknown")]
    [InlineData("normalizer", """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"NFX"}]}""",
        "$.normalizer.normalizers[1]: normalizer type 'NFX'")]
    [InlineData("normalizer", """{"type":"Precompiled","precompiled_charsmap":"AAAA"}""", "the table is cut short")]
    [InlineData("normalizer", """{"type":"Precompiled","precompiled_charsmap":"?"}""", "not base64")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"Regex":"("},"content":""}""",
        "$.normalizer.pattern: the regular expression '(' at 1: ')' is missing")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"a{2,1}"},"behavior":"Isolated","invert":false}""", "no interval")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"String":"a"},"behavior":"Shred","invert":false}""",
        "'Shred' is none of Removed, Isolated")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"__"}""", "one character is expected")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"_","prepend_scheme":"always","add_prefix_space":false}""",
        "add_prefix_space is false")]
    [InlineData("pre_tokenizer", """{"type":"FixedLength","length":0}""", "at least 1")]
    [InlineData("post_processor",
        """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{}}""",
        "'x' is not among")]
    [InlineData("post_processor",
        """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}""", "names a second")]
    [InlineData("decoder", """{"type":"Sing"}""", "$.decoder: decoder type 'Sing' is unknown")]
    public void A_broken_part_is_named(string part, string json, string expected) =>
        AssertRefused(WithPart(part, json), expected);

    [Fact]
    public void Deep_nesting_is_refused()
    {
        var json = string.Concat(Enumerable.Repeat("""{"type":"Sequence","normalizers":[""", 100_000));

        AssertRefused(WithPart("normalizer", json), "not JSON");
        AssertRefused(Pattern(new string('(', 100_000)), "nested deeper");
        AssertRefused(Pattern(new string('[', 100_000)), "nested deeper");
        AssertRefused(Pattern("((a{1000}){1000}){1000}"), "too long");
    }

    [Fact]
    public void Ids_may_be_given_twice_or_be_huge()
    {
        var tokenizer = Load("""{"model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":2000000000,"b":0,"a":7}}}""");

        Assert.Equal([7], tokenizer.Encode("a").Ids);
        Assert.Equal("b", tokenizer.Decode([0]));
        Assert.Equal("", tokenizer.Decode([2_000_000_000, -1, int.MaxValue, int.MinValue]));
    }

    [Fact]
    public void Merges_in_a_circle_end()
    {
        var tokenizer = Load("""{"model":{"type":"BPE","vocab":{"a":0,"aa":0,"b":1,"ab":1},"merges":["a a","a b"]}}""");

        Assert.Equal([0], tokenizer.Encode(new string('a', 10_000)).Ids);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama2")]
    [InlineData("llama3")]
    [InlineData("bert-uncased")]
    [InlineData("t5")]
    [InlineData("t5-precompiled")]
    public void A_text_of_one_letter_without_end_is_encoded(string folder)
    {
        var encoding = Fixture.Tokenizer(folder).Encode(new string('a', 300_000));

        Assert.NotEqual(0, encoding.Count);
        Assert.Equal(300_000, encoding.CodePointOffsets.Max(offset => offset.End));
    }

    [Fact]
    public void Lone_surrogates_and_nul_count_as_characters()
    {
        var encoding = Load(Utf16(_gpt2)).Encode("a\uD800\0\uDC00b");

        Assert.Equal("a\uFFFD\0\uFFFDb", Load(Utf16(_gpt2)).Decode(encoding.Ids));
        Assert.Equal((4, 5), encoding.Offsets[^1]);
    }

    [Property(MaxTest = 400)]
    public void A_damaged_file_is_refused_or_used(int position, byte value, int cut)
    {
        var damaged = _gpt2[..^(int)((uint)cut % 50)];
        damaged[(int)((uint)position % damaged.Length)] = value;
        try
        {
            Tokenizer.FromJson(damaged).Encode("Hello, wörld 123");
        }
        catch (TokenizerException)
        {
            // An error is an answer; anything else fails the test.
        }
    }

    private static string Utf16(byte[] json) => System.Text.Encoding.UTF8.GetString(json);

    private static string WithPart(string name, string json) => $$$"""{"{{{name}}}":{{{json}}},"model":{{{Words}}}}""";

    private static string Pattern(string regex) =>
        WithPart("pre_tokenizer", $$$"""{"type":"Split","pattern":{"Regex":"{{{regex}}}"},"behavior":"Isolated","invert":false}""");

    private static Tokenizer Load(string json) => Tokenizer.FromJson(System.Text.Encoding.UTF8.GetBytes(json), "bad.json");

    private static void AssertRefused(string json, string expected)
    {
        var error = Assert.Throws<TokenizerException>(() => Load(json));

        Assert.StartsWith("bad.json: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
