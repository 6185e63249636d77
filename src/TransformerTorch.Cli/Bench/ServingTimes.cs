using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TransformerTorch.AI;
using TransformerTorch.Generation;
using TransformerTorch.Generation.Batching;
using TransformerTorch.Server;

namespace TransformerTorch.Cli.Bench;

/// <summary>A served model, asked over HTTP, against the same model by itself; both sides take turns.</summary>
internal static class ServingTimes
{
    private const int LongPrompt = 512, Prompt = 64, New = 64, EachNew = 32;

    public static IEnumerable<BenchResult> Run(string name, BenchRun run)
    {
        using var folder = new ServedFolder(Workloads.Decoder);
        var model = folder.LoadAsync(run).GetAwaiter().GetResult();
        var app = Start(model);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()), Timeout = Timeout.InfiniteTimeSpan };
        try
        {
            yield return FirstToken($"{name} first token", run, folder, model, client);
            yield return EachToken($"{name} each token", run, folder, model, client);
            yield return Batching(name, run, folder, client);
        }
        finally
        {
            app.StopAsync().GetAwaiter().GetResult();
            app.DisposeAsync().AsTask().GetAwaiter().GetResult();
            model.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>From a prompt's sending to the first event, against the pass through the model that it cannot do without.</summary>
    private static BenchResult FirstToken(string name, BenchRun run, ServedFolder folder, ServedModel model, HttpClient client)
    {
        var text = "";
        var seconds = run.BestOfEach(
            () => text = folder.Text(LongPrompt), () => Ask(client, text, 2, onlyFirst: true), () => Generate(model, text, 1));
        return BenchResult.Ratio(name, run, seconds[0], seconds[1]);
    }

    /// <summary>What each token after the first costs: over HTTP, from the engine, and by itself.</summary>
    private static BenchResult EachToken(string name, BenchRun run, ServedFolder folder, ServedModel model, HttpClient client)
    {
        var text = "";
        double[] Seconds(int tokens) => run.BestOfEach(() => text = folder.Text(Prompt),
            () => Ask(client, text, tokens), () => Stream(model, text, tokens), () => Generate(model, text, tokens));
        double[] each = [.. Seconds(1 + New).Zip(Seconds(1), (many, one) => (many - one) / New)];
        var ratio = BenchResult.Ratio(name, run, each[0], each[2]);
        ratio.Facts["engine_seconds"] = each[1];
        return ratio;
    }

    /// <summary>Requests at once, against one after the other.</summary>
    private static BenchResult Batching(string name, BenchRun run, ServedFolder folder, HttpClient client)
    {
        var together = run.Batch ?? 16;
        string[] texts = [];
        var seconds = run.BestOfEach(
            () => texts = [.. Enumerable.Range(0, together).Select(_ => folder.Text(EachNew))],
            () => Array.ForEach(texts, text => Ask(client, text, EachNew)),
            () => Task.WaitAll(texts.Select(text => Task.Run(() => Ask(client, text, EachNew)))));
        var ratio = BenchResult.Ratio($"{name} {together} at once", run, seconds[0], seconds[1]);
        ratio.Facts["tokens_per_second"] = together * EachNew / seconds[1];
        return ratio;
    }

    private static GenerationOptions Greedy(int tokens) => new() { Temperature = 0, MaxNewTokens = tokens, EndTokens = [] };

    private static void Generate(ServedModel model, string text, int tokens)
        => new TokenGenerator(model.Decoder!).Generate([model.Tokenizer.EncodeToIds(text)], Greedy(tokens));

    private static void Stream(ServedModel model, string text, int tokens)
    {
        var request = new BatchRequest { Prompt = model.Tokenizer.EncodeToIds(text), Options = Greedy(tokens) };
        Drain().GetAwaiter().GetResult();

        async Task Drain()
        {
            await foreach (var token in model.Engine!.Stream(request)) _ = token;
        }
    }

    private static void Ask(HttpClient client, string text, int tokens, bool onlyFirst = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = JsonContent.Create(new JsonObject
            {
                ["prompt"] = text, ["max_tokens"] = tokens, ["temperature"] = 0, ["stream"] = true, ["ignore_eos"] = true,
            }),
        };
        using var response = client.Send(request, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        using var reader = new StreamReader(response.Content.ReadAsStream());
        while (reader.ReadLine() is { } line)
            if (onlyFirst && line.StartsWith("data:", StringComparison.Ordinal)) return;
    }

    private static WebApplication Start(ServedModel model)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton(new ModelSource(model)).AddModelServer();
        var app = builder.Build().MapModelServer();
        app.StartAsync().GetAwaiter().GetResult();
        return app;
    }
}
