using System.Globalization;
using System.Net.Sockets;
using System.Text;
using TransformerTorch.AI;

namespace TransformerTorch.Server.Tests;

/// <summary>A server with little room, so that queues fill.</summary>
public sealed class SmallServer : RunningServer
{
    protected override ModelOptions Options => new() { MaxSequences = 6, MaxWaiting = 30, CachedTokens = 2048 };
}

/// <summary>
/// Sixty-four clients at once that cancel, hang up, read slowly and set no limit, for <c>TT_CROWD_SECONDS</c>; a few seconds where that
/// is not set.
/// </summary>
public sealed class CrowdTests(SmallServer server) : IClassFixture<SmallServer>
{
    private const int Clients = 64, Prompts = 12;
    private static readonly TimeSpan _length = TimeSpan.FromSeconds(
        int.Parse(Environment.GetEnvironmentVariable("TT_CROWD_SECONDS") ?? "6", CultureInfo.InvariantCulture));

    [Fact]
    public async Task Nothing_is_mixed_up_or_kept_and_everyone_is_answered_or_refused()
    {
        var expected = new string[Prompts];
        for (var i = 0; i < Prompts; i++)
        {
            var (status, json) = await server.PostAsync("/v1/chat/completions", Body(i, stream: false));
            Assert.Equal(200, status);
            expected[i] = $"{json!["choices"]![0]!["message"]!["content"]}".TrimEnd('\uFFFD'); // bytes whose rest was not asked for
        }
        var end = DateTime.UtcNow + _length;
        var outcomes = await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(() => Client(client, expected, end))));

        var all = outcomes.SelectMany(o => o).GroupBy(o => o).ToDictionary(g => g.Key, g => g.Count());
        Assert.True(all.GetValueOrDefault("right") > Clients / 2, Told(all));
        Assert.Empty(all.Keys.Except(["right", "right without a limit", "refused", "cancelled", "hung up"]));
        var engine = server.Chat.Engine!;
        for (var i = 0; i < 500 && engine.Statistics is { Running: > 0 } or { Waiting: > 0 }; i++) await Task.Delay(20);
        Assert.Equal((0, 0, engine.Statistics.Pages), (engine.Statistics.Running, engine.Statistics.Waiting, engine.Statistics.FreePages));
        Console.WriteLine(Told(all));
    }

    private static string Told(Dictionary<string, int> all) => string.Join(", ", all.Select(o => $"{o.Key}: {o.Value}"));

    private static string Body(int prompt, bool stream, bool limited = true)
        => $$"""{"model":"small","messages":[{"role":"user","content":"Question {{prompt}}"}],"""
            + (limited ? $"\"max_tokens\":{8 + prompt}," : "") + $"\"temperature\":0,\"stream\":{(stream ? "true" : "false")}}}";

    private async Task<List<string>> Client(int number, string[] expected, DateTime end)
    {
        var (random, outcomes) = (new Random(number), new List<string>());
        while (DateTime.UtcNow < end)
        {
            var prompt = random.Next(Prompts);
            outcomes.Add(random.Next(4) switch
            {
                0 => await Cancel(prompt, random),
                1 => await HangUp(prompt, random),
                2 => await Ask(prompt, expected[prompt], random.Next(3) == 0 ? 30 : 0, limited: true),
                _ => await Ask(prompt, expected[prompt], 0, limited: random.Next(8) > 0),
            });
        }
        return outcomes;
    }

    // Without a limit a text goes on from where the limited one ends.
    private async Task<string> Ask(int prompt, string expected, int slowness, bool limited)
    {
        using var content = new StringContent(Body(prompt, stream: true, limited), Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = content };
        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if ((int)response.StatusCode == 429) return "refused";
        if (!response.IsSuccessStatusCode) return $"status {(int)response.StatusCode}";
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var text = "";
        while (await reader.ReadLineAsync() is { } line)
        {
            if (slowness > 0) await Task.Delay(slowness);
            if (!line.StartsWith("data: {", StringComparison.Ordinal)) continue;
            text += $"{System.Text.Json.Nodes.JsonNode.Parse(line[6..])!["choices"]?[0]?["delta"]?["content"]}";
        }
        var found = limited ? text.TrimEnd('\uFFFD') : text[..Math.Min(expected.Length, text.Length)];
        return found == expected ? limited ? "right" : "right without a limit" : $"wrong: '{text}' for '{expected}'";
    }

    private async Task<string> Cancel(int prompt, Random random)
    {
        using var cancel = new CancellationTokenSource(random.Next(1, 60));
        try
        {
            using var content = new StringContent(Body(prompt, stream: false), Encoding.UTF8, "application/json");
            using var response = await server.Http.PostAsync("/v1/chat/completions", content, cancel.Token);
            return response.IsSuccessStatusCode ? "right"
                : (int)response.StatusCode == 429 ? "refused" : $"status {(int)response.StatusCode}";
        }
        catch (OperationCanceledException)
        {
            return "cancelled";
        }
    }

    private async Task<string> HangUp(int prompt, Random random)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Address.Host, server.Address.Port);
        var body = Body(prompt, stream: true);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            + $"Authorization: Bearer {RunningServer.Key}\r\nContent-Type: application/json\r\n"
            + $"Content-Length: {body.Length}\r\n\r\n{body}"));
        await Task.Delay(random.Next(50));
        client.Client.LingerState = new LingerOption(true, 0); // a reset, not a farewell
        return "hung up";
    }
}
