using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace TransformerTorch.AI;

/// <summary>Models as services: loaded when the host starts, drained when it stops, told ready by a health check.</summary>
public static class ServiceCollectionExtensions
{
    /// <summary>The section of configuration where nothing else is named.</summary>
    public const string SectionName = "TransformerTorch";

    /// <summary>
    /// Adds the model of a configuration section as <see cref="IChatClient"/>, <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/> and
    /// <see cref="ModelSource"/>. Wrong options fail the start. Added again, the model is one still, and the later options go over the
    /// earlier ones.
    /// </summary>
    public static IServiceCollection AddTransformerTorch(this IServiceCollection services, IConfiguration section)
        => services.AddTransformerTorch(null, options => section.Bind(options));

    /// <inheritdoc cref="AddTransformerTorch(IServiceCollection, IConfiguration)"/>
    public static IServiceCollection AddTransformerTorch(this IServiceCollection services, Action<ModelOptions> configure)
        => services.AddTransformerTorch(null, configure);

    /// <summary>So under a key, beside others: <c>[FromKeyedServices("small")] IChatClient client</c>.</summary>
    public static IServiceCollection AddKeyedTransformerTorch(this IServiceCollection services, string key, IConfiguration section)
        => services.AddTransformerTorch(key, options => section.Bind(options));

    /// <inheritdoc cref="AddKeyedTransformerTorch(IServiceCollection, string, IConfiguration)"/>
    public static IServiceCollection AddKeyedTransformerTorch(this IServiceCollection services, string key, Action<ModelOptions> configure)
        => services.AddTransformerTorch(key, configure);

    private static IServiceCollection AddTransformerTorch(this IServiceCollection services, string? key, Action<ModelOptions> configure)
    {
        var name = key ?? Options.DefaultName;
        var options = services.AddOptions<ModelOptions>(name).Configure(configure);
        if (services.Any(s => s.ServiceType == typeof(ModelLoader) && Equals(s.ServiceKey, key))) return services;
        options.ValidateDataAnnotations().Validate(o => o.DrainTimeout >= TimeSpan.Zero, "DrainTimeout is negative").ValidateOnStart();
        services.TryAddKeyedSingleton(
            key, (provider, _) => new ModelSource(provider.GetRequiredService<IOptionsMonitor<ModelOptions>>().Get(name)));
        services.TryAddKeyedSingleton<IChatClient>(key, (provider, _) => new TransformerChatClient(Source(provider)));
        services.TryAddKeyedSingleton<IEmbeddingGenerator<string, Embedding<float>>>(
            key, (provider, _) => new TransformerEmbeddingGenerator(Source(provider)));
        services.AddKeyedSingleton(key, (provider, _) => new ModelLoader(Source(provider)));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<ModelLoader>(key));
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            key is null ? "model" : $"model {key}", provider => new ModelHealthCheck(Source(provider)), null, ["ready"]));
        return services;

        ModelSource Source(IServiceProvider provider)
            => key is null ? provider.GetRequiredService<ModelSource>() : provider.GetRequiredKeyedService<ModelSource>(key);
    }
}

/// <summary>Loads a model while the host starts and drains it while it stops.</summary>
internal sealed class ModelLoader(ModelSource source) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken) => await source.GetAsync(cancellationToken).ConfigureAwait(false);

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (source.Ready is { } model) await model.DrainAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        await source.DisposeAsync().ConfigureAwait(false);
    }
}

/// <summary>Ready once the model is loaded.</summary>
internal sealed class ModelHealthCheck(ModelSource source) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        => Task.FromResult(source.Ready is { } model ? HealthCheckResult.Healthy($"{model.Name} is loaded")
            : source.Failure is { } failure ? HealthCheckResult.Unhealthy(failure.Message, failure)
            : HealthCheckResult.Unhealthy($"{source.Options.Model} is being loaded"));
}
