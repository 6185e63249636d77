using TransformerTorch.AI.Tests.Support;

namespace TransformerTorch.Server.Tests;

/// <summary>A server whose model calls a function twice, whatever it is asked.</summary>
public sealed class CallingServer : RunningServer
{
    protected override SmallModel Folder => new SmallModel().Saying("""
        <tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call><tool_call>{"name": "add", "arguments": {"a": 2}}</tool_call>
        """);
}

/// <summary>Truth: OpenAI's reference on <c>parallel_tool_calls</c>.</summary>
public sealed class SingleCallTests(CallingServer server) : IClassFixture<CallingServer>
{
    [Theory]
    [InlineData("", 2)]
    [InlineData(",\"parallel_tool_calls\":null", 2)]
    [InlineData(",\"parallel_tool_calls\":true", 2)]
    [InlineData(",\"parallel_tool_calls\":false", 1)]
    public async Task Where_calls_may_not_stand_side_by_side_there_is_one(string asked, int calls)
    {
        var (status, json) = await server.PostAsync("/v1/chat/completions", """
            {"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"add"}}],"max_tokens":100
            """ + asked + "}");

        var choice = json!["choices"]![0]!;
        Assert.Equal((200, "tool_calls", calls),
            (status, $"{choice["finish_reason"]}", choice["message"]!["tool_calls"]!.AsArray().Count));
    }

    [Fact]
    public async Task What_is_neither_true_nor_false_is_refused()
    {
        var (status, json) = await server.PostAsync(
            "/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"parallel_tool_calls":1}""");

        Assert.Equal((400, "parallel_tool_calls"), (status, $"{json!["error"]!["param"]}"));
    }
}
