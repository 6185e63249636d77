using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using TransformerTorch.AI;
using TransformerTorch.Layers;
using TransformerTorch.Server;

namespace TransformerTorch.Cli;

/// <summary><c>tt serve</c>: models behind an API of OpenAI's form, with pages to try and to watch them.</summary>
internal static class ServeCommand
{
    private static readonly ServerOptions _usual = new();
    private static readonly Option<string[]> _models = new("--model")
    {
        Description = "A model's folder, or org/name on the hub; may be repeated. NAME=DIR gives it another name", HelpName = "DIR",
        Required = true,
    };
    private static readonly Option<string[]> _adapters = new("--adapter")
    {
        Description = "An adapter's folder (LoRA), served beside the first model as that model changed by it; may be repeated. "
            + "NAME=DIR gives it another name",
        HelpName = "DIR", DefaultValueFactory = _ => [],
    };
    private static readonly Option<string[]> _keys = new("--api-key")
    {
        Description = "A key that opens the API; may be repeated; also TT_API_KEY [default: no key is asked for]", HelpName = "KEY",
        DefaultValueFactory = _ => [],
    };
    private static readonly Option<string> _device = new("--device")
    {
        Description = "auto, cpu, cuda or cuda:N", DefaultValueFactory = _ => "auto",
    };
    private static readonly Option<string> _type = WeightType();
    private static readonly Option<int> _sequences = new("--max-sequences")
    {
        Description = "Texts generated at the same time", DefaultValueFactory = _ => 32,
    };
    private static readonly Option<int> _waiting = new("--max-waiting")
    {
        Description = "Requests that may wait; more are refused", DefaultValueFactory = _ => 256,
    };
    private static readonly Option<int> _cached = new("--cached-tokens")
    {
        Description = "Tokens of all texts together whose keys and values are held; 0: by the model, 8192 to 65536",
        DefaultValueFactory = _ => 0,
    };
    private static readonly Option<int> _tokens = new("--max-tokens")
    {
        Description = "New tokens of a request at most; 0: as the model's context allows", DefaultValueFactory = _ => 0,
    };
    private static readonly Option<int> _choices = new("--max-choices")
    {
        Description = "Answers of a request (n)", DefaultValueFactory = _ => _usual.MaxChoices,
    };
    private static readonly Option<int> _inputs = new("--max-inputs")
    {
        Description = "Texts of a request for embeddings", DefaultValueFactory = _ => _usual.MaxInputs,
    };
    private static readonly Option<int> _body = new("--max-body-bytes")
    {
        Description = "Bytes of a request; more are refused", DefaultValueFactory = _ => (int)_usual.MaxBodyBytes,
    };
    private static readonly Option<int> _timeout = new("--timeout")
    {
        Description = "Seconds that a request may take", DefaultValueFactory = _ => 600,
    };

    public static Command Create()
    {
        var command = new Command("serve", "Serve models over HTTP, as OpenAI does")
        {
            _models, _adapters, _keys, _device, _type, _sequences, _waiting, _cached, _tokens, _choices, _inputs, _body, _timeout,
        };
        foreach (var option in Listening.Options) command.Options.Add(option);
        command.SetAction(Run);
        return command;
    }

    /// <summary>The option of commands that hold a model ready.</summary>
    public static Option<string> WeightType()
    {
        var option = new Option<string>("--dtype")
        {
            Description = "The weights in memory: float32, bfloat16, float16, int8, int4, or such as int4-g128, in groups of so many",
            DefaultValueFactory = _ => "float32",
        };
        option.AcceptOnlyFromAmong(["float32", "bfloat16", "float16", .. Quantization.Names]);
        return option;
    }

    private static async Task<int> Run(ParseResult parsed, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders().AddSimpleConsole(o => o.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.None);
        builder.Services.Configure<ConsoleLoggerOptions>(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        var listening = new Listening(parsed);
        foreach (var option in new[] { _choices, _inputs, _body, _timeout })
            if (parsed.GetValue(option) is < 1 and var given) throw new UsageException($"{option.Name} {given}: expected 1 or more");
        var wanted = Models(parsed);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(listening.Configure);
        builder.Services.AddSingleton<IHostLifetime, OwnLifetime>(); // signals are the command line's
        string[] keys = [.. parsed.GetValue(_keys)!
            .Append(Environment.GetEnvironmentVariable("TT_API_KEY") ?? "").Where(k => k.Length > 0)];
        builder.Services.AddModelServer(options =>
        {
            options.ApiKeys = keys;
            options.MaxOutputTokens = parsed.GetValue(_tokens);
            (options.MaxChoices, options.MaxInputs) = (parsed.GetValue(_choices), parsed.GetValue(_inputs));
            options.MaxBodyBytes = parsed.GetValue(_body);
            options.Timeout = TimeSpan.FromSeconds(parsed.GetValue(_timeout));
            options.Hosts = listening.Names;
        });
        var sources = new List<ModelSource>();
        foreach (var model in wanted)
        {
            if (model.Adapter.Length > 0) model.Model = sources[0].Options.Model; // found already
            sources.Add(await Load(model, cancellation));
        }
        foreach (var source in sources) builder.Services.AddSingleton(source);
        await using var app = builder.Build();
        listening.Use(app);
        app.MapModelServer();
        await app.StartAsync(cancellation);
        Console.Error.WriteLine($"serving {string.Join(", ", sources.Select(s => s.Ready!.Name))} at {app.Urls.Single()} (Ctrl-C stops)");
        if (!listening.IsLocal && keys.Length == 0)
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

    private static (string Name, string Folder) Named(string given)
        => given.Split('=', 2) is [var name, var folder] && !Directory.Exists(given) ? (name, folder) : ("", given);

    // Names are compared before anything is downloaded or loaded.
    private static List<ModelOptions> Models(ParseResult parsed)
    {
        var device = $"{CommandLine.Device(parsed, _device)}";
        List<ModelOptions> models = [.. parsed.GetRequiredValue(_models).Select(Named).Select(m => Model(m.Name, m.Folder, ""))];
        models.AddRange([.. parsed.GetValue(_adapters)!.Select(Named).Select(a => Model(a.Name, models[0].Model, a.Folder))]);
        return CommandLine.Checked(() =>
        {
            ModelOptions.RequireNames(models, "give one another, as NAME=DIR");
            return models;
        });

        ModelOptions Model(string name, string model, string adapter) => new()
        {
            Model = model, Adapter = adapter, Name = name, Device = device, Type = parsed.GetRequiredValue(_type),
            MaxSequences = parsed.GetValue(_sequences), MaxWaiting = parsed.GetValue(_waiting), CachedTokens = parsed.GetValue(_cached),
        };
    }

    private static async Task<ModelSource> Load(ModelOptions model, CancellationToken cancellation)
    {
        model.Name = model.ServedName; // what was given, not the cache's folder
        var given = model.Adapter.Length > 0 ? model.Adapter : model.Model;
        model.Model = await ModelArgument.Folder(model.Model, cancellation);
        Console.Error.WriteLine($"loading {given} ...");
        return new ModelSource(await ServedModel.LoadAsync(model, cancellation));
    }

    private sealed class OwnLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
