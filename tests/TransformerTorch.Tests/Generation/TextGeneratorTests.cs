using TransformerTorch.Generation;
using TransformerTorch.Tests.Models;
using TransformerTorch.Text;

namespace TransformerTorch.Tests.Generation;

/// <summary>Text in, text out, over a tokenizer whose tokens are single letters.</summary>
public class TextGeneratorTests
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    private static readonly Tokenizer s_letters = Tokenizer.FromJson(System.Text.Encoding.UTF8.GetBytes($$"""
        {"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"post_processor":null,
         "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
         "decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
         "model":{"type":"BPE","dropout":null,"unk_token":null,"merges":[],"vocab":{
            {{string.Join(',', Letters.Take(61).Select((letter, i) => $"\"{letter}\":{i}"))}} } } }
        """));

    [Fact]
    public void Pieces_join_to_the_decoded_ids_and_end_with_a_reason()
    {
        using var model = ModelContractTests.Build("gpt2");
        var options = new GenerationOptions { Temperature = 0, MaxNewTokens = 12 };
        var whole = new TextGenerator(model, s_letters).Generate("abc", options);
        Assert.Equal(new TokenGenerator(model).Stream([0, 1, 2], options), whole.Ids);
        Assert.Equal((s_letters.Decode(whole.Ids), FinishReason.Length), (whole.Text, whole.Finish));
    }

    [Theory]
    [InlineData("gpt2", 1)]
    [InlineData("t5", 1)]
    [InlineData("t5", 3)]
    [InlineData("bart", 1)]
    [InlineData("bart", 3)]
    public async Task Pieces_that_are_awaited_are_those_that_are_not(string family, int beams)
    {
        using var model = ModelContractTests.Model(family);
        var generator = new TextGenerator(model, s_letters);
        var options = new GenerationOptions { Temperature = 0, MaxNewTokens = 9, Beams = beams, EndTokens = [] };
        var pieces = generator.Stream("abc", options).ToList();

        Assert.Equal(9 + 1, pieces.Count);
        Assert.Equal(pieces, await generator.StreamAsync("abc", options).ToListAsync());
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("t5")]
    public async Task Cancellation_or_leaving_ends_an_awaited_text_between_tokens_and_the_model_writes_on(string family)
    {
        using var model = ModelContractTests.Model(family);
        var generator = new TextGenerator(model, s_letters);
        var options = new GenerationOptions { Temperature = 0, MaxNewTokens = 9, EndTokens = [] };
        var expected = generator.Generate("abc", options).Text;
        using var cancel = new CancellationTokenSource();
        var seen = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var piece in generator.StreamAsync("abc", options, cancel.Token))
                if (++seen == 3) await cancel.CancelAsync();
        });
        await foreach (var piece in generator.StreamAsync("abc", options)) break;

        Assert.Equal(3, seen);
        Assert.Equal(expected, generator.Generate("abc", options).Text);
        var wrong = generator.StreamAsync("abc", options with { Temperature = -1 });
        await Assert.ThrowsAsync<ArgumentException>(async () => await wrong.ToListAsync());
    }

    [Fact]
    public void A_stop_text_ends_the_text_before_itself()
    {
        using var model = ModelContractTests.Build("gpt2");
        var generator = new TextGenerator(model, s_letters);
        var options = new GenerationOptions { Seed = 3, MaxNewTokens = 20 };
        var free = generator.Generate("abc", options).Text;
        var stop = free[8..10];
        var stopped = generator.Generate("abc", options with { StopTexts = [stop] });
        Assert.Equal((free[..free.IndexOf(stop, StringComparison.Ordinal)], FinishReason.Stop), (stopped.Text, stopped.Finish));
    }

    [Fact]
    public void An_end_token_ends_the_text_and_is_the_last_id()
    {
        using var model = ModelContractTests.Build("gpt2");
        var generator = new TextGenerator(model, s_letters);
        var options = new GenerationOptions { Seed = 3, MaxNewTokens = 20 };
        var end = generator.Generate("abc", options).Ids[6];
        var ended = generator.Generate("abc", options with { EndTokens = [end] });
        Assert.Equal((end, FinishReason.Stop), (ended.Ids[^1], ended.Finish));
        Assert.Equal(s_letters.Decode(ended.Ids.SkipLast(1)), ended.Text);
    }

    [Fact]
    public void An_empty_prompt_begins_with_the_models_beginning_of_text_or_is_refused()
    {
        using var without = ModelContractTests.Build("gpt2");
        Assert.Throws<ArgumentException>(() => new TextGenerator(without, s_letters).Generate("", new GenerationOptions()));
        using var with = ModelContractTests.Build("gpt2", ("bos_token_id", 4));
        var options = new GenerationOptions { Temperature = 0, MaxNewTokens = 5 };
        Assert.Equal(new TokenGenerator(with).Stream([4], options), new TextGenerator(with, s_letters).Generate("", options).Ids);
    }
}
