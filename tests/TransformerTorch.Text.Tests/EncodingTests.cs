using FsCheck.Xunit;

namespace TransformerTorch.Text.Tests;

public sealed class EncodingTests
{
    private static readonly Tokenizer _gpt2 = Fixture.Tokenizer("gpt2");
    private static readonly Tokenizer _bert = Fixture.Tokenizer("bert-uncased");
    private static readonly Tokenizer[] _all = [_gpt2, _bert, Fixture.Tokenizer("llama2"), Fixture.Tokenizer("t5")];

    [Fact]
    public void Offsets_count_utf16_code_points_or_bytes()
    {
        var encoding = _bert.Encode("😀 é a", addSpecialTokens: false);

        Assert.Equal(["[UNK]", "e", "a"], encoding.Tokens);
        Assert.Equal([(0, 2), (3, 4), (5, 6)], encoding.Offsets);
        Assert.Equal([(0, 1), (2, 3), (4, 5)], encoding.CodePointOffsets);
        Assert.Equal([(0, 4), (5, 7), (8, 9)], encoding.ByteOffsets);
    }

    [Fact]
    public void Offsets_of_a_pair_count_in_each_text()
    {
        var encoding = _bert.Encode("a", "😀 b");

        Assert.Equal([(0, 0), (0, 1), (0, 0), (0, 2), (3, 4), (0, 0)], encoding.Offsets);
        Assert.Equal([null, 0, null, 1, 1, null], encoding.SequenceIds);
        Assert.Equal([0, 0, 0, 1, 1, 1], encoding.TypeIds);
    }

    [Fact]
    public void Offsets_of_words_count_in_each_word()
    {
        var encoding = _bert.EncodeWords(["a", "😀 é"], ["", "😀", "b"]);

        Assert.Equal(["[CLS]", "a", "[UNK]", "e", "[SEP]", "[UNK]", "b", "[SEP]"], encoding.Tokens);
        Assert.Equal([null, 0, 1, 1, null, 1, 2, null], encoding.WordIds);
        Assert.Equal([(0, 0), (0, 1), (0, 2), (3, 4), (0, 0), (0, 2), (0, 1), (0, 0)], encoding.Offsets);
        Assert.Equal([(0, 0), (0, 1), (0, 4), (5, 7), (0, 0), (0, 4), (0, 1), (0, 0)], encoding.ByteOffsets);
    }

    [Fact]
    public void A_batch_of_words_is_padded_together()
    {
        var tokenizer = Fixture.Tokenizer("bert-uncased");
        tokenizer.Padding = new Padding();

        var batch = tokenizer.EncodeWordsBatch([["a"], ["a", "b"]]);

        Assert.Equal([null, 0, null, null], batch[0].WordIds);
        Assert.Equal([null, 0, 1, null], batch[1].WordIds);
    }

    [Fact]
    public void A_batch_is_padded_to_its_longest_and_to_a_multiple()
    {
        var tokenizer = Fixture.Tokenizer("bert-uncased");
        tokenizer.Padding = new Padding { MultipleOf = 4, Side = Side.Left };

        var batch = tokenizer.EncodeBatch(["a b c", "a", ""]);

        Assert.All(batch, encoding => Assert.Equal(8, encoding.Count));
        Assert.Equal([0, 0, 0, 0, 0, 1, 1, 1], batch[1].AttentionMask);
        Assert.Equal([1, 1, 1, 1, 1, 1, 0, 1], batch[1].SpecialTokensMask);
    }

    /// <summary>Truth: the same text without truncation.</summary>
    [Theory, InlineData(Side.Left), InlineData(Side.Right)]
    public void All_of_a_text_overflows_where_it_is_read_to_its_end(Side side)
    {
        var tokenizer = Fixture.Tokenizer("bert-uncased");
        var text = string.Join(' ', Enumerable.Range(0, 1000));
        var whole = tokenizer.Encode(text, addSpecialTokens: false);
        tokenizer.Truncation = new Truncation(24) { Strategy = TruncationStrategy.OnlySecond, Stride = 6, Side = side, ReadsAll = true };

        var encoding = tokenizer.Encode("a b", text);

        var parts = encoding.Overflowing.Prepend(encoding).ToList();
        Assert.All(parts, part => Assert.InRange(part.Count, 1, 24));
        var found = parts.SelectMany(part => part.Offsets.Where((_, i) => part.SequenceIds[i] == 1));
        Assert.Equal(whole.Offsets, found.Distinct().Order());
    }

    [Fact]
    public void Truncation_keeps_what_overflows_with_a_stride()
    {
        var tokenizer = Fixture.Tokenizer("bert-uncased");
        tokenizer.Truncation = new Truncation(5) { Stride = 1 };

        var encoding = tokenizer.Encode("a b c d e");

        Assert.Equal(["[CLS]", "a", "b", "c", "[SEP]"], encoding.Tokens);
        Assert.Equal(["[CLS]", "c", "d", "e", "[SEP]"], Assert.Single(encoding.Overflowing).Tokens);
    }

    [Property(MaxTest = 300)]
    public void Every_text_comes_back_from_bytes(string? text)
    {
        var original = text ?? "";
        var valid = new string([.. original.EnumerateRunes().SelectMany(rune => rune.ToString())]); // lone surrogates as U+FFFD

        Assert.Equal(valid, _gpt2.Decode(_gpt2.Encode(original).Ids));
    }

    [Property(MaxTest = 200)]
    public void A_stream_joins_to_the_whole_and_never_holds_half_a_character(int[] seeds)
    {
        int[] ids = [.. seeds.Select(seed => (int)((uint)seed % 900))];
        foreach (var tokenizer in _all)
        {
            var stream = tokenizer.StreamDecoder();

            List<string> parts = [.. ids.Select(stream.Add), stream.Finish()];

            Assert.Equal(tokenizer.Decode(ids), string.Concat(parts));
            Assert.All(parts, part => Assert.False(part.Length > 0 && char.IsHighSurrogate(part[^1])));
        }
    }

    [Fact]
    public void Many_threads_get_the_same_answers_as_one()
    {
        string[] texts = [.. File.ReadLines(Path.Combine(Fixture.Path("gpt2"), "cases.jsonl")).Take(100)];
        var expected = texts.Select(text => _gpt2.Encode(text).Ids).ToList();

        var batch = _gpt2.EncodeBatch(texts);

        Assert.All(batch.Zip(expected), pair => Assert.Equal(pair.Second, pair.First.Ids));
    }
}
