using Microsoft.Extensions.AI;
using TransformerTorch.AI.Tests.Support;

namespace TransformerTorch.AI.Tests;

/// <summary>How long answers become that say nothing about it. Truth: what the options' documentation says.</summary>
public sealed class ChatLengthTests : IDisposable
{
    private const int Context = 64;
    private readonly SmallModel _folder = new(Context);

    [Theory]
    [InlineData("", 0, null)]
    [InlineData("\"max_length\":2,", 0, null)] // the prompt alone is longer
    [InlineData("\"max_new_tokens\":7,", 0, 7)]
    [InlineData("\"max_new_tokens\":7,", 3, 3)]
    [InlineData("\"max_length\":50,", 3, 3)]
    [InlineData("", 3, 3)]
    public async Task Options_come_before_the_folder_and_the_folder_before_the_context(string folder, int most, int? expected)
    {
        // Token 0 would end a text.
        await File.WriteAllTextAsync(Path.Combine(_folder.Root, "generation_config.json"), $"{{{folder}\"suppress_tokens\":[0]}}");
        var usage = await Ask(new ModelOptions { Model = _folder.Root, MaxOutputTokens = most });
        Assert.Equal(expected ?? Context - usage.InputTokenCount, usage.OutputTokenCount);
    }

    [Fact]
    public async Task An_engine_with_less_room_than_the_context_answers_until_it_is_full()
    {
        var options = new ModelOptions { Model = _folder.Root, CachedTokens = 32 }; // a page
        Assert.Equal(32, (await Ask(options)).TotalTokenCount);
        var text = string.Concat(Enumerable.Repeat("qzxkvj", 8)); // a token each letter: the context holds them
        var error = await Assert.ThrowsAsync<ArgumentException>(() => Ask(options, text));
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
