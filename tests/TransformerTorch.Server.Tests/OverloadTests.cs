using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using TransformerTorch.AI;

namespace TransformerTorch.Server.Tests;

/// <summary>A server that gives each request far less time than a long text takes.</summary>
public sealed class HastyServer : RunningServer
{
    protected override void Limit(ServerOptions options) => options.Timeout = TimeSpan.FromMilliseconds(50);
}

/// <summary>A server that works at one text and lets two wait.</summary>
public sealed class NarrowServer : RunningServer
{
    protected override ModelOptions Options => new() { MaxSequences = 1, MaxWaiting = 2 };
}

/// <summary>What cannot be answered in time or at all. Truth: OpenAI's reference of errors, RFC 9110 (Retry-After).</summary>
public sealed class OverloadTests(HastyServer hasty, NarrowServer narrow) : IClassFixture<HastyServer>, IClassFixture<NarrowServer>
{
    [Fact]
    public async Task A_request_that_takes_too_long_is_ended_with_503_and_works_no_more()
    {
        var (status, retry, error) = await AskForEight(hasty);

        Assert.Equal((503, "1", "server_error", "timeout"), (status, retry, $"{error["type"]}", $"{error["code"]}"));
        var engine = hasty.Chat.Engine!;
        for (var i = 0; i < 500 && engine.Statistics is { Running: > 0 } or { Waiting: > 0 }; i++) await Task.Delay(20);
        Assert.Equal((0, 0), (engine.Statistics.Running, engine.Statistics.Waiting));
    }

    [Fact]
    public async Task Who_finds_the_queue_full_is_told_to_come_again()
    {
        var (status, retry, error) = await AskForEight(narrow);

        Assert.Equal((429, "1", "rate_limit_error", "queue_full"), (status, retry, $"{error["type"]}", $"{error["code"]}"));
    }

    private static async Task<(int Status, string Retry, JsonNode Error)> AskForEight(RunningServer server)
    {
        using var content = new StringContent(
            """{"messages":[{"role":"user","content":"x"}],"max_tokens":480,"ignore_eos":true,"n":8}""", Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync("/v1/chat/completions", content);
        var json = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        return ((int)response.StatusCode, $"{response.Headers.RetryAfter}", json["error"]!);
    }
}

/// <summary>The server as shell scripts reach it. Truth: curl.</summary>
public sealed class CurlTests(RunningServer server) : IClassFixture<RunningServer>
{
    [SkippableTheory]
    [InlineData("/v1/models", "", 200, "\"id\":\"small\"")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"}],"max_tokens":3}""", 200, "\"total_tokens\":")]
    [InlineData("/v1/completions", """{"prompt":"Once","max_tokens":3,"stream":true}""", 200, "data: [DONE]")]
    [InlineData("/v1/embeddings", """{"input":"dog"}""", 200, "\"embedding\":[")]
    [InlineData("/v1/completions", """{"prompt":7}""", 400, "invalid_request_error")]
    public async Task Curl_is_answered(string path, string body, int status, string part)
    {
        string[] data = body.Length == 0 ? [] : ["--json", body];
        var (code, answer) = await Curl(path, ["--header", $"Authorization: Bearer {RunningServer.Key}", .. data]);

        Assert.Equal(status, code);
        Assert.Contains(part, answer, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Curl_without_a_key_is_refused()
    {
        var (code, answer) = await Curl("/v1/models", []);

        Assert.Equal(401, code);
        Assert.Contains("Authorization: Bearer KEY", answer, StringComparison.Ordinal);
    }

    private async Task<(int Status, string Answer)> Curl(string path, string[] options)
    {
        var program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(folder => new[] { Path.Combine(folder, "curl"), Path.Combine(folder, "curl.exe") }).FirstOrDefault(File.Exists);
        Skip.If(program is null, "no curl here");
        var start = new ProcessStartInfo(program!,
            ["--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code}", .. options, $"{new Uri(server.Address, path)}"])
        {
            RedirectStandardOutput = true,
        };
        using var curl = Process.Start(start)!;
        var output = await curl.StandardOutput.ReadToEndAsync();
        await curl.WaitForExitAsync();
        var end = output.LastIndexOf('\n');
        return (int.Parse(output[(end + 1)..], System.Globalization.CultureInfo.InvariantCulture), output[..end]);
    }
}
