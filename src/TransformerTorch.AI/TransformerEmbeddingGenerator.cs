using Microsoft.Extensions.AI;
using TransformerTorch.Sentences;

namespace TransformerTorch.AI;

/// <summary>
/// An encoder as an embedding generator: texts are sorted by length and go through the model in batches of about as many tokens.
/// </summary>
/// <param name="source">the model, which stays its owner's</param>
public sealed class TransformerEmbeddingGenerator(ModelSource source) : IEmbeddingGenerator<string, Embedding<float>>
{
    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The model does not embed texts.</exception>
    /// <exception cref="ArgumentException">More dimensions are asked for than there are.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        var texts = values as IReadOnlyList<string> ?? [.. values];
        var model = await source.GetAsync(cancellationToken).ConfigureAwait(false);
        using var operation = Telemetry.Begin("embeddings", model.Name);
        try
        {
            var (vectors, tokens) = await model.EmbedAsync(texts, options?.Dimensions, cancellationToken).ConfigureAwait(false);
            operation.Set("gen_ai.embeddings.dimension.count", vectors.FirstOrDefault()?.Length);
            operation.Done(tokens, null);
            var now = DateTimeOffset.UtcNow;
            var embeddings = vectors.Select(v => new Embedding<float>(v) { ModelId = model.Name, CreatedAt = now });
            return new GeneratedEmbeddings<Embedding<float>>(embeddings)
            {
                Usage = new UsageDetails { InputTokenCount = tokens, TotalTokenCount = tokens },
            };
        }
        catch (Exception e)
        {
            operation.Fail(e);
            throw;
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        if (serviceType == typeof(EmbeddingGeneratorMetadata))
        {
            var (name, dimensions) = (source.Ready?.Name ?? source.Options.Model, source.Ready?.Embedder?.Dimensions);
            return new EmbeddingGeneratorMetadata(Telemetry.Provider, null, name, dimensions);
        }
        return serviceType.IsInstanceOfType(this) ? this : serviceType.IsInstanceOfType(source.Ready) ? source.Ready
            : serviceType == typeof(ModelSource) ? source : null;
    }

    /// <summary>Nothing: the model is its owner's.</summary>
    public void Dispose()
    {
    }
}
