using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TransformerTorch.EndToEnd.Support;

namespace TransformerTorch.EndToEnd;

/// <summary>
/// A trained model behind <c>tt serve</c>: with weights of few bits, while the server is told to stop, and when its folder is gone.
/// Truths: the command line's own answers, and what the server itself said before.
/// </summary>
public sealed class ServedTextTests(ServedTextTests.Trained trained) : IClassFixture<ServedTextTests.Trained>
{
    private const string Prompt = "Line 7";

    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    public async Task Weights_of_few_bits_answer_as_the_command_line_does(string type)
    {
        string[] arguments = ["--prompt", Prompt, "--max-new-tokens", "8", "--temperature", "0", "--quantize", type];
        var expected = trained.Tt.Run(["generate", "--model", trained.Model, .. arguments]).Succeeded().Output.TrimEnd('\n');
        using var server = Serve(trained.Model, out var client, "--dtype", type);
        using var _ = client;

        Assert.Equal(expected, (await Ask(client)).TrimEnd('\n'));
    }

    [Fact]
    public void Evaluation_prints_the_figures_of_the_whole_weights_and_of_those_of_few_bits()
    {
        var whole = trained.Tt.Run("eval", "run.yaml", "--json").Succeeded().Json;
        var both = trained.Tt.Run("eval", "run.yaml", "--quantize", "int8", "--json").Succeeded().Json;
        var lines = trained.Tt.Run("eval", "run.yaml", "--quantize", "int8").Succeeded().Output.Split('\n');

        Assert.Equal((double)whole["eval_loss"]!, (double)both["eval_loss"]!, 1e-6);
        Assert.Equal((double)whole["eval_loss"]!, (double)both["int8"]!["eval_loss"]!, 0.05);
        Assert.NotEqual((double)both["eval_loss"]!, (double)both["int8"]!["eval_loss"]!);
        Assert.Equal(["whole", "int8"], Words(lines[0]));
        Assert.Equal(3, Words(Assert.Single(lines, line => Words(line) is ["loss", ..])).Length);
    }

    [SkippableFact]
    public async Task Told_to_stop_it_finishes_the_text_that_it_writes_and_ends_with_0()
    {
        Skip.If(OperatingSystem.IsWindows(), "POSIX signals");
        using var server = Serve(trained.Model, out var client);
        using var _ = client;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = JsonContent.Create(new { prompt = Prompt, max_tokens = Trained.Positions - 40, stream = true, ignore_eos = true }),
        };
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.EnsureSuccessStatusCode().Content.ReadAsStreamAsync());
        var events = new List<string> { (await reader.ReadLineAsync())! };

        server.Signal(15);
        while (await reader.ReadLineAsync() is { } line)
            if (line.Length > 0) events.Add(line);

        Assert.Equal("data: [DONE]", events[^1]);
        Assert.Equal("length", (string?)JsonNode.Parse(events[^2][6..])!["choices"]![0]!["finish_reason"]);
        var outcome = server.Ended();
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("finishing what is under way", outcome.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Told_to_stop_it_ends_though_nobody_reads_what_it_writes()
    {
        Skip.If(OperatingSystem.IsWindows(), "POSIX signals");
        using var server = Serve(trained.Model, out var client);
        using var _ = client;
        using var unread = new System.Net.Sockets.TcpClient(client.BaseAddress!.Host, client.BaseAddress.Port);
        var body = $$"""{"prompt":"{{Prompt}}","max_tokens":{{Trained.Positions - 40}},"stream":true,"ignore_eos":true,"n":8}""";
        unread.GetStream().Write(System.Text.Encoding.ASCII.GetBytes("POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            + $"Content-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
        Assert.Equal('H', unread.GetStream().ReadByte());

        server.Signal(15);

        Assert.Equal(0, server.Ended().ExitCode);
    }

    [Fact]
    public async Task A_folder_that_is_gone_is_no_longer_needed()
    {
        var copy = trained.Tt.At("copy");
        Directory.CreateDirectory(copy);
        foreach (var file in Directory.GetFiles(trained.Model)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        using var server = Serve(copy, out var client);
        using var _ = client;
        var before = await Ask(client);

        Directory.Delete(copy, recursive: true);

        Assert.Equal(before, await Ask(client));
        using var chat = await client.PostAsJsonAsync(
            "/v1/chat/completions", new { messages = new[] { new { role = "user", content = Prompt } }, max_tokens = 4 });
        Assert.Equal(HttpStatusCode.OK, chat.StatusCode);
        Assert.Contains("\"copy\"", await client.GetStringAsync("/v1/models"), StringComparison.Ordinal);
    }

    private Tt.Running Serve(string model, out HttpClient client, params string[] options)
    {
        var server = trained.Tt.Start(["serve", "--model", model, "--port", "0", .. options]);
        var address = server.WaitFor(line => line.StartsWith("serving ", StringComparison.Ordinal)).Split(" at ")[1].Split(' ')[0];
        client = new HttpClient { BaseAddress = new Uri(address) };
        return server;
    }

    private static async Task<string> Ask(HttpClient client)
    {
        using var response = await client.PostAsJsonAsync("/v1/completions", new { prompt = Prompt, max_tokens = 8, temperature = 0 });
        var answer = await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonObject>();
        return (string)answer!["choices"]![0]!["text"]!;
    }

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>A small model with room for long texts.</summary>
    public sealed class Trained : IDisposable
    {
        public const int Positions = 1024;

        public Trained() => Tt.Run("train", "run.yaml", "--set", $"model.n_positions={Positions}", "--set", "model.n_embd=64").Succeeded();

        internal Tt Tt { get; } = TinyTraining.Folder();

        public string Model => Tt.At("run/model");

        public void Dispose() => Tt.Dispose();
    }
}
