using System.CommandLine;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using TransformerTorch.AI;
using TransformerTorch.Server;

namespace TransformerTorch.Cli;

/// <summary><c>tt serve</c>: models behind an API of OpenAI's form, with pages to try and to watch them.</summary>
internal static class ServeCommand
{
    private static readonly Option<string[]> _models = new("--model")
    {
        Description = "A model's folder, or org/name on the hub; may be repeated. NAME=DIR gives it another name", HelpName = "DIR",
        Required = true,
    };
    private static readonly Option<string> _host = new("--host")
    {
        Description = "The address to listen on; 0.0.0.0 lets other machines in", DefaultValueFactory = _ => "127.0.0.1",
    };
    private static readonly Option<int> _port = new("--port") { Description = "0 takes a free one", DefaultValueFactory = _ => 8080 };
    private static readonly Option<string[]> _keys = new("--api-key")
    {
        Description = "A key that opens the API; may be repeated; also TT_API_KEY [default: no key is asked for]", HelpName = "KEY",
        DefaultValueFactory = _ => [],
    };
    private static readonly Option<string> _device = new("--device")
    {
        Description = "auto, cpu, cuda or cuda:N", DefaultValueFactory = _ => "auto",
    };
    private static readonly Option<string> _type = new("--dtype")
    {
        Description = "The weights in memory: float32, bfloat16, float16, int8, int4", DefaultValueFactory = _ => "float32",
    };
    private static readonly Option<int> _sequences = new("--max-sequences")
    {
        Description = "Texts generated at the same time", DefaultValueFactory = _ => 32,
    };
    private static readonly Option<int> _waiting = new("--max-waiting")
    {
        Description = "Requests that may wait; more are refused", DefaultValueFactory = _ => 256,
    };
    private static readonly Option<int> _tokens = new("--max-tokens")
    {
        Description = "New tokens of a request at most; 0: as the model's context allows", DefaultValueFactory = _ => 0,
    };
    private static readonly Option<int> _timeout = new("--timeout")
    {
        Description = "Seconds that a request may take", DefaultValueFactory = _ => 600,
    };

    public static Command Create()
    {
        var command = new Command("serve", "Serve models over HTTP, as OpenAI does")
        {
            _models, _host, _port, _keys, _device, _type, _sequences, _waiting, _tokens, _timeout,
        };
        _type.AcceptOnlyFromAmong("float32", "bfloat16", "float16", "int8", "int4");
        command.SetAction(Run);
        return command;
    }

    private static async Task<int> Run(ParseResult parsed, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders().AddSimpleConsole(o => o.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.None);
        builder.Services.Configure<ConsoleLoggerOptions>(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        var (host, port) = (parsed.GetRequiredValue(_host), parsed.GetValue(_port));
        if (!TryAddress(host, out var address)) throw new UsageException($"--host {host}: expected an address, or localhost");
        if (port is < 0 or > 65535) throw new UsageException($"--port {port}: expected 0 to 65535");
        if (parsed.GetValue(_timeout) < 1) throw new UsageException($"--timeout {parsed.GetValue(_timeout)}: expected 1 or more");
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(address, port));
        builder.Services.AddSingleton<IHostLifetime, OwnLifetime>(); // signals are the command line's
        string[] keys = [.. parsed.GetValue(_keys)!
            .Append(Environment.GetEnvironmentVariable("TT_API_KEY") ?? "").Where(k => k.Length > 0)];
        builder.Services.AddModelServer(options =>
        {
            options.ApiKeys = keys;
            options.MaxOutputTokens = parsed.GetValue(_tokens);
            options.Timeout = TimeSpan.FromSeconds(parsed.GetValue(_timeout));
            if (IPAddress.IsLoopback(address)) options.Hosts = ["localhost", "127.0.0.1", "[::1]", address.ToString()];
        });
        var sources = new List<ModelSource>();
        foreach (var named in parsed.GetRequiredValue(_models))
        {
            var source = await Load(named, parsed, cancellation);
            builder.Services.AddSingleton(source);
            sources.Add(source);
        }
        await using var app = builder.Build();
        app.MapModelServer();
        await app.StartAsync(cancellation);
        Console.Error.WriteLine($"serving {string.Join(", ", sources.Select(s => s.Ready!.Name))} at {app.Urls.Single()} (Ctrl-C stops)");
        if (!IPAddress.IsLoopback(address) && keys.Length == 0)
            Console.Error.WriteLine("anyone who reaches this address may use it: --api-key asks for a key");
        try
        {
            await app.WaitForShutdownAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C
        }
        Console.Error.WriteLine("finishing what is under way ...");
        await Task.WhenAll(sources.Select(s => s.Ready!.DrainAsync()));
        await app.StopAsync(CancellationToken.None);
        foreach (var source in sources) await source.DisposeAsync();
        return CommandLine.Done;
    }

    private static async Task<ModelSource> Load(string named, ParseResult parsed, CancellationToken cancellation)
    {
        var (name, model) = named.Split('=', 2) is [var before, var after] && !Directory.Exists(named) ? (before, after) : ("", named);
        var folder = await ModelArgument.Folder(model, cancellation);
        Console.Error.WriteLine($"loading {model} ...");
        return new ModelSource(await ServedModel.LoadAsync(new ModelOptions
        {
            Model = folder, Name = name.Length > 0 ? name : folder == model ? "" : model, Device = parsed.GetRequiredValue(_device),
            Type = parsed.GetRequiredValue(_type), MaxSequences = parsed.GetValue(_sequences), MaxWaiting = parsed.GetValue(_waiting),
        }, cancellation));
    }

    private static bool TryAddress(string host, out IPAddress address)
    {
        address = IPAddress.Loopback;
        return host == "localhost" || IPAddress.TryParse(host, out address!);
    }

    private sealed class OwnLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
