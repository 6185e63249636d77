using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using TransformerTorch.AI;
using TransformerTorch.Server.OpenAI;

namespace TransformerTorch.Server;

/// <summary>The HTTP server: an API of OpenAI's form, pages to try it, figures to watch it.</summary>
public static partial class ModelServer
{
    private static readonly PathString[] s_guarded = ["/v1", "/api", "/metrics"];
    private static readonly (string Path, string Title)[] s_pages = [("/", "Chat"), ("/inspect.html", "Inspect")];
    private static readonly string[] s_parts = ["style.css", "page.js", "chat.js", "inspect.js"];

    /// <summary>
    /// Adds what the server needs; the models come with <see cref="ServiceCollectionExtensions.AddTransformerTorch(IServiceCollection,
    /// Action{ModelOptions})"/>. Added again, it is one server still, and the later options go over the earlier ones.
    /// </summary>
    public static IServiceCollection AddModelServer(this IServiceCollection services, Action<ServerOptions>? configure = null)
    {
        var known = services.Select(s => s.ImplementationInstance).OfType<ServerOptions>().LastOrDefault();
        var options = known ?? new ServerOptions();
        configure?.Invoke(options);
        if (services.Any(s => s.ServiceType == typeof(ModelRegistry))) return services;
        services.AddSingleton(options);
        services.AddSingleton(provider => new ModelRegistry(
            [.. provider.GetServices<ModelSource>(), .. provider.GetKeyedServices<ModelSource>(KeyedService.AnyKey)]));
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            "models", provider => provider.GetRequiredService<ModelRegistry>(), null, ["ready"]));
        services.AddSingleton<ServerMetrics>();
        services.AddSingleton<ChatCompletions>().AddSingleton<Completions>().AddSingleton<Embeddings>().AddSingleton<Inspection>();
        services.Configure<Microsoft.AspNetCore.Server.Kestrel.Core.KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
        });
        return services.AddRouting();
    }

    /// <summary>Puts the server's paths into an application.</summary>
    public static WebApplication MapModelServer(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<ServerOptions>();
        var (models, metrics) = (app.Services.GetRequiredService<ModelRegistry>(), app.Services.GetRequiredService<ServerMetrics>());
        app.Use((context, next) => GuardAsync(context, next, options, metrics, app.Logger));
        app.MapPost("/v1/chat/completions", context => Service<ChatCompletions>(context).HandleAsync(context));
        app.MapPost("/v1/completions", context => Service<Completions>(context).HandleAsync(context));
        app.MapPost("/v1/embeddings", context => Service<Embeddings>(context).HandleAsync(context));
        app.MapPost("/api/inspect", context => Service<Inspection>(context).HandleAsync(context));
        app.MapGet("/v1/models", context => context.Response.WriteAsJsonAsync(models.List(), context.RequestAborted));
        app.MapGet("/v1/models/{**name}", (HttpContext context, string name)
            => context.Response.WriteAsJsonAsync(ModelRegistry.Describe(models.Find(name)), context.RequestAborted));
        app.MapGet("/metrics", context =>
        {
            context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
            return context.Response.WriteAsync(metrics.Text(models.Ready), context.RequestAborted);
        });
        app.MapHealthChecks("/health", new HealthCheckOptions { ResponseWriter = TellHealthAsync });
        foreach (var (path, title) in s_pages) app.MapGet(path, context => SendAsync(context, "page.html", Page(title)));
        foreach (var part in s_parts) app.MapGet($"/{part}", context => SendAsync(context, part, Resource(part)));
        return app;

        static T Service<T>(HttpContext context) where T : notnull => context.RequestServices.GetRequiredService<T>();
    }

    private static Task TellHealthAsync(HttpContext context, HealthReport report) => context.Response.WriteAsJsonAsync(new JsonObject
    {
        ["status"] = report.Status.ToString().ToLowerInvariant(),
        ["models"] = new JsonArray([.. report.Entries.Select(e => (JsonNode)(e.Value.Description ?? e.Key))]),
    });

    // Every request passes here: who may, how long, and what is said when it fails.
    private static async Task GuardAsync(
        HttpContext context, RequestDelegate next, ServerOptions options, ServerMetrics metrics, ILogger logger)
    {
        var gone = context.RequestAborted;
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(gone);
        timeout.CancelAfter(options.Timeout);
        context.RequestAborted = timeout.Token;
        using var request = metrics.Begin(context);
        try
        {
            if (options.Hosts.Count > 0 && !options.Hosts.Contains(context.Request.Host.Host, StringComparer.OrdinalIgnoreCase))
                throw new ApiException(403, $"'{context.Request.Host.Host}' is not this server's name", code: "wrong_host");
            if (NeedsKey(context.Request.Path) && !HasKey(context.Request, options.ApiKeys))
                throw new ApiException(401, "no such API key: send 'Authorization: Bearer KEY'", code: "invalid_api_key");
            await next(context).ConfigureAwait(false);
            if (context.Response is { HasStarted: false, StatusCode: 404 or 405 })
                throw new ApiException(
                    context.Response.StatusCode, $"there is no {context.Request.Method} {context.Request.Path}", code: "not_found");
        }
        catch (Exception) when (gone.IsCancellationRequested)
        {
            request.Status = StatusCodes.Status499ClientClosedRequest; // for the figures: nobody reads it
            if (!context.Response.HasStarted) context.Response.StatusCode = request.Status.Value;
        }
        catch (Exception e)
        {
            var error = ApiException.Of(e);
            if (error.Status == 500) LogFailure(logger, e, context.Request.Method, context.Request.Path);
            await TellAsync(context, error, gone).ConfigureAwait(false);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} failed")]
    private static partial void LogFailure(ILogger logger, Exception error, string method, string path);

    private static async Task TellAsync(HttpContext context, ApiException error, CancellationToken gone)
    {
        try
        {
            if (context.Response.HasStarted)
            {
                await new EventStream(context).SendAsync(error.ToJson(), gone).ConfigureAwait(false);
                return;
            }
            context.Response.Clear();
            context.Response.StatusCode = error.Status;
            if (error.Status is 429 or 503) context.Response.Headers.RetryAfter = "1";
            if (error.Status == 401) context.Response.Headers.WWWAuthenticate = "Bearer";
            await context.Response.WriteAsJsonAsync(error.ToJson(), gone).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            // who asked is gone
        }
    }

    private static bool NeedsKey(PathString path)
        => s_guarded.Any(guarded => path.StartsWithSegments(guarded, StringComparison.OrdinalIgnoreCase));

    // Hashes are compared, so that how long it takes says nothing about a key.
    private static bool HasKey(HttpRequest request, IReadOnlyList<string> keys)
    {
        if (keys.Count == 0) return true;
        const string scheme = "Bearer ";
        var header = request.Headers.Authorization.ToString();
        if (!header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) return false;
        var given = SHA256.HashData(Encoding.UTF8.GetBytes(header[scheme.Length..].Trim()));
        return keys.Select(key => SHA256.HashData(Encoding.UTF8.GetBytes(key)))
            .Aggregate(false, (found, key) => found | CryptographicOperations.FixedTimeEquals(given, key));
    }

    private static Task SendAsync(HttpContext context, string name, string text)
    {
        context.Response.ContentType = Path.GetExtension(name) switch
        {
            ".css" => "text/css; charset=utf-8", ".js" => "text/javascript; charset=utf-8", _ => "text/html; charset=utf-8",
        };
        context.Response.Headers.ContentSecurityPolicy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers.CacheControl = "no-cache";
        return context.Response.WriteAsync(text, context.RequestAborted);
    }

    /// <summary>A page in the frame that all share.</summary>
    private static string Page(string title)
    {
        var name = title.ToLowerInvariant();
        return Resource("frame.html").Replace("{title}", title, StringComparison.Ordinal).Replace("{name}", name, StringComparison.Ordinal)
            .Replace("{content}", Resource($"{name}.html"), StringComparison.Ordinal);
    }

    private static string Resource(string name)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
