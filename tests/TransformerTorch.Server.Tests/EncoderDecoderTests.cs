using TransformerTorch.AI.Tests.Support;

namespace TransformerTorch.Server.Tests;

/// <summary>A server whose chat model is a T5.</summary>
public sealed class EncoderDecoderServer : RunningServer
{
    protected override SmallModel Folder => new(encoder: true);
}

/// <summary>Truth: OpenAI's reference, and that what an encoder-decoder cannot do is the request's fault, not the server's.</summary>
public sealed class EncoderDecoderTests(EncoderDecoderServer server) : IClassFixture<EncoderDecoderServer>
{
    private const string Chat = """{"messages":[{"role":"user","content":"translate this"}],"max_tokens":5,"ignore_eos":true""";

    [Fact]
    public async Task It_answers_chats_and_continues_texts_with_usage()
    {
        var read = server.Chat.Tokenizer.EncodeToIds("translate this").Length;
        var text = """{"prompt":"translate this","max_tokens":5,"ignore_eos":true}""";
        foreach (var (path, body) in new[] { ("/v1/chat/completions", Chat + "}"), ("/v1/completions", text) })
        {
            var (status, json) = await server.PostAsync(path, body);
            Assert.Equal(200, status);
            var usage = json!["usage"]!;
            Assert.Equal((read, 5), (usage["prompt_tokens"]!.GetValue<int>(), usage["completion_tokens"]!.GetValue<int>()));
            Assert.Equal("length", $"{json["choices"]![0]!["finish_reason"]}");
        }
        Assert.Contains("\"context_length\":1024", await server.Http.GetStringAsync("/v1/models"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/chat/completions", Chat + ",\"response_format\":{\"type\":\"json_object\"}}", "take no form")]
    [InlineData("/v1/chat/completions", Chat + ",\"logprobs\":true}", "probabilities are not told")]
    [InlineData("/api/inspect", "{\"text\":\"x\"}", "a decoder or an encoder")]
    public async Task What_it_cannot_do_is_a_bad_request(string path, string body, string why)
    {
        var (status, json) = await server.PostAsync(path, body);

        Assert.Equal(400, status);
        Assert.Contains(why, $"{json!["error"]!["message"]}", StringComparison.Ordinal);
    }
}
