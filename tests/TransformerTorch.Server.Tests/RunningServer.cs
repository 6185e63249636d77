using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TransformerTorch.AI;
using TransformerTorch.AI.Tests.Support;

namespace TransformerTorch.Server.Tests;

/// <summary>A server on a free port of loopback, with a small chat model and an embedder.</summary>
public class RunningServer : IAsyncLifetime, IDisposable
{
    public const string Key = "test-key";
    private SmallModel _folder = null!;
    private WebApplication? _app;

    public Uri Address { get; private set; } = null!;

    public ServedModel Chat { get; private set; } = null!;

    public HttpClient Http { get; private set; } = null!;

    protected virtual ModelOptions Options => new() { MaxSequences = 8, MaxWaiting = 64 };

    /// <summary>The chat model's.</summary>
    protected virtual SmallModel Folder => new();

    protected virtual void Limit(ServerOptions options)
    {
    }

    public async Task InitializeAsync()
    {
        _folder = Folder;
        var options = Options;
        (options.Model, options.Name) = (_folder.Root, "small");
        Chat = await ServedModel.LoadAsync(options);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0));
        builder.Services.AddSingleton(new ModelSource(Chat));
        var sentences = new ModelOptions { Model = SmallModel.Sentences, Name = "sentences" };
        builder.Services.AddSingleton(new ModelSource(await ServedModel.LoadAsync(sentences)));
        builder.Services.AddModelServer(o =>
        {
            (o.ApiKeys, o.MaxBodyBytes, o.Hosts) = ([Key], 1 << 20, ["127.0.0.1", "localhost"]);
            Limit(o);
        });
        _app = builder.Build();
        _app.MapModelServer();
        await _app.StartAsync();
        Address = new Uri(_app.Urls.Single());
        Http = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromMinutes(2) };
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
    }

    public async Task DisposeAsync()
    {
        Http.Dispose();
        await _app!.StopAsync();
        await Chat.DisposeAsync();
        await _app.DisposeAsync();
    }

    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Status and JSON of an answer.</summary>
    public async Task<(int Status, JsonNode? Json)> PostAsync(string path, string body, string type = "application/json")
    {
        using var content = new StringContent(body, Encoding.UTF8, type);
        using var response = await Http.PostAsync(path, content);
        var text = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text) : null);
    }
}
