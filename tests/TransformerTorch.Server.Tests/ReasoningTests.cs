using System.Text.Json.Nodes;
using TransformerTorch.AI.Tests.Support;

namespace TransformerTorch.Server.Tests;

/// <summary>A server whose model thinks, then answers, whatever it is asked.</summary>
public sealed class ThinkingServer : RunningServer
{
    protected override SmallModel Folder
        => new SmallModel(template: SmallModel.Thinking).Saying("<think>\nAdd them.\n</think>\n\nThree.");
}

/// <summary>Truth: DeepSeek's and vLLM's convention of <c>reasoning_content</c>, OpenAI's usage.</summary>
public sealed class ReasoningTests(ThinkingServer server) : IClassFixture<ThinkingServer>
{
    private const string Asked = """{"messages":[{"role":"user","content":"x"}],"max_tokens":60""";

    [Fact]
    public async Task What_is_thought_comes_apart_from_the_content_whole_and_in_a_stream()
    {
        var (status, json) = await server.PostAsync("/v1/chat/completions", Asked + ",\"n\":2}");
        Assert.Equal(200, status);
        foreach (var message in json!["choices"]!.AsArray().Select(c => c!["message"]!))
            Assert.Equal(("Add them.", "Three."), ($"{message["reasoning_content"]}", $"{message["content"]}"));
        var usage = json["usage"]!;
        var thought = usage["completion_tokens_details"]!["reasoning_tokens"]!.GetValue<int>();
        Assert.InRange(thought, 8, usage["completion_tokens"]!.GetValue<int>() - 2);

        var events = await Events(Asked + ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
        var deltas = events.SelectMany(e => e["choices"]!.AsArray()).Select(c => c!["delta"]!).ToList();
        Assert.Equal("Add them.", string.Concat(deltas.Select(d => d["reasoning_content"])));
        Assert.Equal("Three.", string.Concat(deltas.Select(d => d["content"])));
        Assert.Equal(thought / 2, events[^1]["usage"]!["completion_tokens_details"]!["reasoning_tokens"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("\"reasoning_effort\":\"none\"", true)]
    [InlineData("\"chat_template_kwargs\":{\"enable_thinking\":false}", true)]
    [InlineData("\"response_format\":{\"type\":\"json_object\"},\"max_tokens\":20", true)]
    [InlineData("\"reasoning_effort\":\"none\",\"chat_template_kwargs\":{\"enable_thinking\":true}", false)]
    [InlineData("\"reasoning_effort\":\"low\"", false)]
    [InlineData("\"chat_template_kwargs\":null", false)]
    public async Task Thinking_is_off_where_that_is_asked_for_or_JSON_is(string asked, bool off)
    {
        var body = "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],";
        var (_, usual) = await server.PostAsync("/v1/chat/completions", body + "\"max_tokens\":20}");
        var (status, json) = await server.PostAsync("/v1/chat/completions", body + asked + "}");

        Assert.Equal(200, status);
        Assert.Equal(off, Read(json) > Read(usual)); // an empty thought stands in the prompt

        static int Read(JsonNode? answer) => answer!["usage"]!["prompt_tokens"]!.GetValue<int>();
    }

    [Theory]
    [InlineData("\"reasoning_effort\":\"much\"", "'reasoning_effort' is wrong")]
    [InlineData("\"chat_template_kwargs\":3", "chat_template_kwargs: expected an object")]
    [InlineData("\"chat_template_kwargs\":{\"tools\":[]}", "'tools' is not set there")]
    public async Task What_cannot_be_followed_is_refused(string asked, string why)
    {
        var (status, json) = await server.PostAsync("/v1/chat/completions", $"{Asked},{asked}}}");

        Assert.Equal(400, status);
        Assert.Contains(why, $"{json!["error"]!["message"]}", StringComparison.Ordinal);
    }

    private async Task<JsonNode[]> Events(string asked)
    {
        using var content = new StringContent(asked, System.Text.Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync("/v1/chat/completions", content);
        var events = (await response.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        return [.. events.SkipLast(1).Select(e => JsonNode.Parse(e["data: ".Length..])!)];
    }
}
