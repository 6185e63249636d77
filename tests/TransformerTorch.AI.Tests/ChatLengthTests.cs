using Microsoft.Extensions.AI;
using TransformerTorch.AI.Tests.Support;

namespace TransformerTorch.AI.Tests;

/// <summary>How long answers become that say nothing about it. Truth: what the options' documentation says.</summary>
public sealed class ChatLengthTests : IDisposable
{
    private const int Context = 64;
    private readonly SmallModel _folder = new(Context);

    [Fact]
    public async Task An_engine_with_less_room_than_the_context_answers_until_it_is_full()
    {
        var options = new ModelOptions { Model = _folder.Root, CachedTokens = 32 }; // a page
        Assert.Equal(32, (await Ask(options)).TotalTokenCount);
        var error = await Assert.ThrowsAsync<ArgumentException>(() => Ask(options, string.Join(' ', Enumerable.Repeat("word", 24))));
        Assert.Contains("the engine has room for 32", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static async Task<UsageDetails> Ask(ModelOptions options, string text = "Hello")
    {
        await using var source = new ModelSource(options);
        using var client = new TransformerChatClient(source);
        return (await client.GetResponseAsync([new(ChatRole.User, text)], new ChatOptions { Temperature = 0 })).Usage!;
    }
}
