using System.Globalization;
using System.Net.Sockets;
using System.Text;
using TransformerTorch.AI;

namespace TransformerTorch.Server.Tests;

/// <summary>A server whose places the answers to one stalled reader take.</summary>
public sealed class FewPlaces : RunningServer
{
    protected override ModelOptions Options => new() { MaxSequences = 8, MaxWaiting = 16 };
}

/// <summary>Readers that take nothing until everybody else is done. What they are sent is more than all buffers on its way hold.</summary>
public sealed class StalledReaderTests(FewPlaces server) : IClassFixture<FewPlaces>
{
    private const int Stalled = 2, Choices = 8, Tokens = 480;

    // Linux' usual limits of a socket are 4 MB to send and 6 MB to receive; the reader's is set to far less.
    private const int Buffers = 5 << 20;

    private static long MostToSend => File.Exists("/proc/sys/net/ipv4/tcp_wmem")
        ? long.Parse(File.ReadAllText("/proc/sys/net/ipv4/tcp_wmem").Split((char[])[' ', '\t', '\n'],
            StringSplitOptions.RemoveEmptyEntries)[2], CultureInfo.InvariantCulture) : long.MaxValue;

    [Fact]
    public async Task Who_does_not_read_holds_neither_others_nor_the_model_and_finds_all_of_it_later()
    {
        var readers = new List<TcpClient>();
        for (var i = 0; i < Stalled; i++) readers.Add(await Begin());
        var engine = server.Chat.Engine!;
        for (var i = 0; i < 3000 && engine.Statistics is { Running: > 0 } or { Waiting: > 0 }; i++) await Task.Delay(20);

        Assert.Equal((0, 0, engine.Statistics.Pages), (engine.Statistics.Running, engine.Statistics.Waiting, engine.Statistics.FreePages));
        var (status, json) = await server.PostAsync("/v1/completions", """{"prompt":"Once","max_tokens":4,"ignore_eos":true}""");
        Assert.Equal((200, 4), (status, json!["usage"]!["completion_tokens"]!.GetValue<int>()));
        if (MostToSend <= 4 << 20)
        {
            var metrics = await server.Http.GetStringAsync("/metrics");
            Assert.Contains($"http_requests_in_flight {Stalled + 1}", metrics, StringComparison.Ordinal);
        }

        foreach (var reader in readers)
        {
            var (bytes, ending) = await Rest(reader);
            Assert.True(bytes > Buffers, $"{bytes} bytes may all have lain in buffers");
            Assert.Contains("data: [DONE]", ending, StringComparison.Ordinal);
            reader.Dispose();
        }
    }

    [Fact]
    public async Task Who_never_reads_and_leaves_is_forgotten()
    {
        using (var reader = await Begin()) reader.Client.LingerState = new LingerOption(true, 0);

        var metrics = "";
        for (var i = 0; i < 3000 && !metrics.Contains("http_requests_in_flight 1\n", StringComparison.Ordinal); i++, await Task.Delay(20))
            metrics = await server.Http.GetStringAsync("/metrics");
        Assert.Contains("http_requests_in_flight 1\n", metrics, StringComparison.Ordinal);
        for (var i = 0; i < 3000 && server.Chat.Engine!.Statistics.Running > 0; i++) await Task.Delay(20); // they leave at the next step
        Assert.Equal(0, server.Chat.Engine!.Statistics.Running);
    }

    /// <summary>Asks for long answers with twenty likely tokens beside each, and takes one byte of them.</summary>
    private async Task<TcpClient> Begin()
    {
        var client = new TcpClient { ReceiveBufferSize = 4096 };
        await client.ConnectAsync(server.Address.Host, server.Address.Port);
        var body = $$"""{"messages":[{"role":"user","content":"x"}],"max_tokens":{{Tokens}},"ignore_eos":true,"stream":true,"""
            + $"\"n\":{Choices},\"temperature\":1,\"logprobs\":true,\"top_logprobs\":20}}";
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            + $"Authorization: Bearer {RunningServer.Key}\r\nContent-Type: application/json\r\nConnection: close\r\n"
            + $"Content-Length: {body.Length}\r\n\r\n{body}"));
        Assert.Equal('H', client.GetStream().ReadByte());
        return client;
    }

    private static async Task<(long Bytes, string Ending)> Rest(TcpClient client)
    {
        var (buffer, total, ending) = (new byte[1 << 16], 0L, "");
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        for (int n; (n = await client.GetStream().ReadAsync(buffer, patience.Token)) > 0; total += n)
        {
            ending += Encoding.UTF8.GetString(buffer, 0, n);
            ending = ending[^Math.Min(64, ending.Length)..];
        }
        return (total, ending);
    }
}
