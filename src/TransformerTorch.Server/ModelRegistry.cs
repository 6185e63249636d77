using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using TransformerTorch.AI;
using TransformerTorch.Server.OpenAI;

namespace TransformerTorch.Server;

/// <summary>The models that are served, by name.</summary>
internal sealed class ModelRegistry : IHealthCheck
{
    private readonly IReadOnlyList<ModelSource> _sources;
    private readonly ConcurrentDictionary<ServedModel, ChatWriter> _writers = [];

    /// <exception cref="ArgumentException">Two models are called the same: the second would never be reached.</exception>
    public ModelRegistry(IReadOnlyList<ModelSource> sources)
    {
        ModelOptions.RequireNames(
            sources.Select(s => s.Options), $"give one another, as {nameof(ModelOptions)}.{nameof(ModelOptions.Name)}");
        _sources = sources;
    }

    public IEnumerable<ServedModel> Ready => _sources.Select(s => s.Ready).OfType<ServedModel>();

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        => Task.FromResult(_sources.All(s => s.Ready is not null)
            ? HealthCheckResult.Healthy($"{string.Join(", ", Ready.Select(m => m.Name))}") : HealthCheckResult.Unhealthy("still loading"));

    /// <summary>The model of that name; where a request names none, the first that does what it wants.</summary>
    /// <exception cref="ApiException">There is none.</exception>
    public ServedModel Find(string? name, bool embeds = false)
    {
        if (name is null)
            return Ready.FirstOrDefault(m => m.Embedder is not null == embeds)
                ?? throw new ApiException(404, "no such model is served", "model", "model_not_found");
        return Ready.FirstOrDefault(m => m.Name == name) ?? throw new ApiException(
            404, $"the model '{name}' is not served here, but {string.Join(", ", Ready.Select(m => m.Name))}", "model", "model_not_found");
    }

    public ChatWriter Writer(ServedModel model) => _writers.GetOrAdd(model, m => new ChatWriter(m));

    public JsonObject List() => new() { ["object"] = "list", ["data"] = new JsonArray([.. Ready.Select(m => (JsonNode)Describe(m))]) };

    public static JsonObject Describe(ServedModel model) => new()
    {
        ["id"] = model.Name, ["object"] = "model", ["created"] = model.Loaded.ToUnixTimeSeconds(), ["owned_by"] = Telemetry.Provider,
        ["embeds"] = model.Embedder is not null, ["context_length"] = model.ContextLength,
    };
}
