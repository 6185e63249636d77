using System.Text.Json.Nodes;

namespace TransformerTorch.Server.Tests;

/// <summary>A server that generates no more than twenty tokens, whatever is asked for.</summary>
public sealed class CappedServer : RunningServer
{
    protected override void Limit(ServerOptions options) => options.MaxOutputTokens = 20;
}

/// <summary>How long answers become under a cap. Truth: what ServerOptions says, and OpenAI's reference (completions: 16).</summary>
public sealed class LengthTests(CappedServer server) : IClassFixture<CappedServer>
{
    [Theory]
    [InlineData("", 16, 20)]
    [InlineData(",\"max_tokens\":5", 5, 5)]
    [InlineData(",\"max_tokens\":100", 20, 20)]
    public async Task A_cap_shortens_what_is_asked_for_and_is_no_wish_of_its_own(string asked, int text, int chat)
    {
        var more = "\"ignore_eos\":true,\"temperature\":0" + asked + "}";
        var (_, continued) = await server.PostAsync("/v1/completions", "{\"prompt\":\"Once\"," + more);
        var (_, answered) = await server.PostAsync("/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]," + more);

        Assert.Equal((text, chat), (Tokens(continued), Tokens(answered)));
    }

    private static int Tokens(JsonNode? answer) => answer!["usage"]!["completion_tokens"]!.GetValue<int>();
}
