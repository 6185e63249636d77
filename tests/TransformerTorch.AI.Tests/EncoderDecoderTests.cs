using System.ComponentModel;
using Microsoft.Extensions.AI;
using TransformerTorch.AI.Tests.Support;
using TransformerTorch.Generation;
using TransformerTorch.Generation.Batching;

namespace TransformerTorch.AI.Tests;

/// <summary>A T5 as a chat client. Truth: what TextGenerator gives for what is said, as it is said.</summary>
public sealed class EncoderDecoderTests : IAsyncLifetime, IDisposable
{
    private static readonly GenerationOptions _whole = new() { Temperature = 0, MaxNewTokens = 12, EndTokens = [] };
    private readonly SmallModel _folder = new(encoder: true);
    private ServedModel _model = null!;
    private TransformerChatClient _client = null!;

    public async Task InitializeAsync()
    {
        var options = new ModelOptions { Model = _folder.Root, MaxSequences = 3, MaxWaiting = 5, CachedTokens = 600 };
        _model = await ServedModel.LoadAsync(options);
        _client = new TransformerChatClient(new ModelSource(_model));
    }

    public async Task DisposeAsync() => await _model.DisposeAsync();

    public void Dispose()
    {
        _client.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Answers_come_token_by_token_or_from_beams_at_the_end_and_callers_do_not_disturb_each_other(int beams)
    {
        var options = _whole with { Beams = beams };
        string[] texts = ["translate this", "and that", "summarize: a longer text about nothing", "x"];
        var generator = new TextGenerator(_model.EncoderDecoder!, _model.Tokenizer);
        var expected = texts.Select(text => generator.Generate(text, options).Text).ToArray();

        var answers = await Task.WhenAll(texts.Select(text => Ask(text, options).ToListAsync().AsTask()));

        Assert.Equal(expected, answers.Select(updates => updates.ToChatResponse().Text));
        Assert.All(answers, updates => Assert.Equal(ChatFinishReason.Length, updates[^1].FinishReason));
        var usage = answers.Select(updates => updates.ToChatResponse().Usage!).ToList();
        Assert.Equal(texts.Select(text => (long?)_model.Tokenizer.EncodeToIds(text).Length), usage.Select(u => u.InputTokenCount));
        Assert.All(usage, u => Assert.Equal((12, 0), (u.OutputTokenCount, u.CachedInputTokenCount)));
    }

    [Fact]
    public async Task Who_cancels_ends_between_tokens_and_makes_room_for_others()
    {
        var endless = _whole with { MaxNewTokens = 500, Temperature = 1 };
        for (var i = 0; i < 10; i++) // more than may wait
        {
            using var cancel = new CancellationTokenSource();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (var update in Ask("Long", endless, cancel.Token)) await cancel.CancelAsync();
            });
        }
        Assert.Equal(12, (await Ask("x", _whole).ToListAsync()).ToChatResponse().Usage!.OutputTokenCount);
        await _model.DrainAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await Ask("x", _whole).ToListAsync());
    }

    [Fact]
    public async Task More_than_may_wait_are_refused_and_who_is_under_way_when_the_model_goes_is_told()
    {
        var endless = _whole with { MaxNewTokens = 500, Temperature = 1 };
        var under = Enumerable.Range(0, 8).Select(_ => Ask("Long", endless).GetAsyncEnumerator()).ToList();
        var next = under.ConvertAll(each => each.MoveNextAsync().AsTask());
        foreach (var written in next[..3]) Assert.True(await written);
        Assert.All(next[3..], waits => Assert.False(waits.IsCompleted)); // three are written at once
        await Assert.ThrowsAsync<EngineBusyException>(async () => await Ask("x", _whole).ToListAsync());
        await _model.DisposeAsync();

        foreach (var (each, first) in under.Zip(next))
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
            {
                for (var more = await first; more;) more = await each.MoveNextAsync();
            });
            await each.DisposeAsync();
        }
    }

    [Fact]
    public async Task What_it_cannot_do_is_refused_by_name()
    {
        [Description("The weather")]
        static string Weather(string city) => city;

        await Refused(new ChatOptions { ResponseFormat = ChatResponseFormat.Json }, "take no form");
        await Refused(new ChatOptions { Tools = [AIFunctionFactory.Create(Weather)] }, "was not taught to call functions");
        var probabilities = Assert.Throws<ArgumentException>(() => new ChatWriter(_model).Continue([5], _whole, logProbabilities: 1));
        Assert.Contains("probabilities", probabilities.Message, StringComparison.Ordinal);

        await Refused(new ChatOptions(), "there is room for 600", string.Join(' ', Enumerable.Range(0, 601)));
        var unbounded = _whole with { MaxNewTokens = null };
        Assert.Equal(599, (await Ask("x", unbounded).ToListAsync()).ToChatResponse().Usage!.OutputTokenCount);

        async Task Refused(ChatOptions options, string why, string text = "x")
        {
            var error = await Assert.ThrowsAsync<ArgumentException>(() => _client.GetResponseAsync(text, options));
            Assert.Contains(why, error.Message, StringComparison.Ordinal);
        }
    }

    private IAsyncEnumerable<ChatResponseUpdate> Ask(string text, GenerationOptions options, CancellationToken cancellation = default)
        => _client.GetStreamingResponseAsync(
            [new(ChatRole.User, text)], new ChatOptions { RawRepresentationFactory = _ => options }, cancellation);
}
