using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace TransformerTorch.Server.Tests;

/// <summary>What nobody should send is refused in OpenAI's form, and the server goes on.</summary>
public sealed class HostileTests(RunningServer server) : IClassFixture<RunningServer>
{
    private const string Chat = "/v1/chat/completions";

    public static TheoryData<string, string> Bodies => new()
    {
        { "", "not JSON" },
        { "[]", "not a JSON object" },
        { "{", "not JSON" },
        { new string('[', 100_000), "not JSON" },
        { "{\"a\":" + new string('{', 50_000), "not JSON" },
        { "{\"messages\":[], \"messages\":[]}", "not JSON" },
        { "{}", "'messages' is wrong" },
        { "{\"messages\":\"hello\"}", "'messages' is wrong" },
        { "{\"messages\":[{\"role\":\"wizard\",\"content\":\"x\"}]}", "'messages[0]' is wrong" },
        { "{\"messages\":[{\"role\":\"user\",\"content\":7}]}", "'messages[0].content' is wrong" },
        { "{\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]}", "" },
        { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}", "reads nothing else" },
        { Arguments("{\\\"a\\\":\\\"\\\\ud800\\\"}"), "'messages[0].tool_calls' is wrong" },
        { Arguments("{\\\"a\\\":1,\\\"a\\\":2}"), "'messages[0].tool_calls' is wrong" },
        { Say("\"max_tokens\":-1", most: ""), "'max_tokens' is wrong" },
        { Say("\"max_tokens\":1e400", most: ""), "'max_tokens' is wrong" },
        { Say("\"max_tokens\":99999999999999999999999", most: ""), "'max_tokens' is wrong" },
        { Say("\"temperature\":1e999"), "'temperature' is wrong" },
        { Say("\"temperature\":\"hot\""), "'temperature' is wrong" },
        { Say("\"n\":1000000"), "'n' is wrong" },
        { Say("\"seed\":1.5"), "'seed' is wrong" },
        { Say("\"stop\":[\"\"]"), "'stop' is wrong" },
        { Say("\"logit_bias\":{\"999999999\":1}"), "'logit_bias' is wrong" },
        { Say("\"logit_bias\":{\"5\":1e300}"), "'logit_bias' is wrong" },
        { Say("\"tools\":[7]"), "'tools' is wrong" },
        { Say("\"tool_choice\":\"required\""), "none is given" },
        { Say("\"model\":\"../../../etc/passwd\""), "is not served here" },
        { Say("\"response_format\":{\"type\":\"xml\"}"), "'response_format' is wrong" },
        { Schema("""{"type":"array","minItems":2000000000,"items":{"type":"string"}}"""), "" },
        { Schema("""{"$ref":"#"}"""), "nothing satisfies" },
        { Schema("{\"enum\":[" + string.Join(",", Enumerable.Range(0, 50_000)) + "]}"), "a schema of 288900 characters" },
        { Schema(Nested(3000)), "not JSON" },
        { Schema(Doubling(60)), "" },
    };

    private static string Say(string more, string most = "\"max_tokens\":4,")
        => "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]," + most + more + "}";

    private static string Arguments(string arguments) => "{\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":["
        + "{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"" + arguments + "\"}}]}]}";

    private static string Schema(string schema)
        => Say("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"s\",\"schema\":" + schema + "}}");

    private static string Nested(int depth) => string.Concat(Enumerable.Repeat("{\"items\":", depth)) + "{}" + new string('}', depth);

    private static string Doubling(int levels) => "{\"$ref\":\"#/$defs/d" + levels + "\",\"$defs\":{\"d0\":{\"type\":\"null\"}"
        + string.Concat(Enumerable.Range(0, levels).Select(i
            => $",\"d{i + 1}\":{{\"anyOf\":[{{\"$ref\":\"#/$defs/d{i}\"}},{{\"$ref\":\"#/$defs/d{i}\"}}]}}")) + "}}";

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_hostile_body_is_refused_with_what_is_wrong(string body, string part)
    {
        var (status, json) = await server.PostAsync(Chat, body);

        Assert.InRange(status, 400, 499);
        Assert.Contains(part, $"{json!["error"]!["message"]}", StringComparison.Ordinal);
        Assert.Equal("invalid_request_error", $"{json["error"]!["type"]}");
        await StillAnswers();
    }

    [Fact]
    public async Task Bytes_that_are_no_text_are_refused()
    {
        using var content = new ByteArrayContent([.. "{\"messages\":[{\"role\":\"user\",\"content\":\""u8, 0xC3, 0x28, 0xFF, .. "\"}]}"u8]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await server.Http.PostAsync(Chat, content);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("not UTF-8", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_promise_of_a_gigabyte_is_refused_before_it_comes()
    {
        var answer = await Raw($"POST {Chat} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {RunningServer.Key}\r\n"
            + "Content-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n{");

        Assert.StartsWith("HTTP/1.1 413", answer, StringComparison.Ordinal);
        Assert.Contains("request_too_large", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_without_a_length_is_cut_off_at_the_limit()
    {
        try
        {
            var (status, json) = await server.PostAsync(Chat, Say("\"user\":\"" + new string('x', 2 << 20) + "\""));

            Assert.Equal(413, status);
            Assert.Equal("request_too_large", $"{json!["error"]!["code"]}");
        }
        catch (HttpRequestException e) when (e.InnerException is IOException)
        {
            // The server may close while the rest is still being sent.
        }
        await StillAnswers();
    }

    [Theory]
    [InlineData("/../../etc/passwd")]
    [InlineData("/%2e%2e/%2e%2e/etc/passwd")]
    [InlineData("/v1/models/..%2f..%2fetc%2fpasswd")]
    [InlineData("/v1/models/%00")]
    [InlineData("/chat.js/../../secret")]
    [InlineData("/V1/../style.css%00.html")]
    public async Task Tricks_with_paths_find_nothing(string path)
    {
        var answer = await Raw($"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {RunningServer.Key}\r\n"
            + "Connection: close\r\n\r\n");

        Assert.Matches("^HTTP/1.1 4\\d\\d", answer);
        Assert.DoesNotContain("root:", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 401)]
    [InlineData("Bearer", 401)]
    [InlineData("Bearer wrong", 401)]
    [InlineData("Basic dGVzdC1rZXk=", 401)]
    [InlineData("Bearer test-key", 200)]
    [InlineData("bearer test-key", 200)]
    public async Task Only_a_key_opens(string header, int status)
    {
        using var client = new HttpClient { BaseAddress = server.Address };
        if (header.Length > 0) client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", header);

        foreach (var path in new[] { "/v1/models", "/metrics" })
        {
            using var response = await client.GetAsync(path);
            Assert.Equal(status, (int)response.StatusCode);
        }
        Assert.Equal(200, (int)(await client.GetAsync("/health")).StatusCode);
        Assert.Equal(200, (int)(await client.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task Other_names_types_methods_and_paths_are_told_apart()
    {
        Assert.StartsWith("HTTP/1.1 403", await Raw("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
            StringComparison.Ordinal);
        Assert.Equal(415, (await server.PostAsync(Chat, "{}", "text/plain")).Status);
        using var put = await server.Http.PutAsync(Chat, null);
        Assert.Equal(405, (int)put.StatusCode);
        using var none = await server.Http.GetAsync("/v2/nothing");
        Assert.Equal("not_found", $"{JsonNode.Parse(await none.Content.ReadAsStringAsync())!["error"]!["code"]}");
        var (status, json) = await server.PostAsync("/v1/embeddings", """{"model":"small","input":"x"}""");
        Assert.Equal((400, true), (status, $"{json!["error"]!["message"]}".Contains("does not embed", StringComparison.Ordinal)));
    }

    private async Task StillAnswers()
    {
        var (status, json) = await server.PostAsync(Chat, Say("\"temperature\":0"));
        Assert.Equal(200, status);
        Assert.Equal(4, json!["usage"]!["completion_tokens"]!.GetValue<int>());
    }

    private async Task<string> Raw(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Address.Host, server.Address.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(client.GetStream(), Encoding.UTF8);
        var buffer = new char[8192];
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var answer = new StringBuilder();
        try
        {
            for (int n; answer.Length < 4000 && (n = await reader.ReadAsync(buffer, patience.Token)) > 0;) answer.Append(buffer, 0, n);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // closed by the server after its answer
        }
        return answer.ToString();
    }
}
