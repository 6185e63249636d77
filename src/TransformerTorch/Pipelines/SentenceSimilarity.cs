using TransformerTorch.Sentences;
using static TorchSharp.torch;

namespace TransformerTorch.Pipelines;

/// <summary>
/// How near texts are in meaning: the cosine of their vectors. <c>SentenceSimilarity.Load(folder).Rank("a pet", ["a cat", "a car"])</c>
/// </summary>
public sealed class SentenceSimilarity : IDisposable
{
    private static readonly EmbeddingSettings s_unit = new() { Normalize = true };
    private readonly TextEmbedder _embedder;

    private SentenceSimilarity(TextEmbedder embedder) => _embedder = embedder;

    /// <summary>Loads a folder of sentence-transformers, or a plain encoder's.</summary>
    /// <exception cref="Checkpoints.CheckpointException">The folder is damaged, or of a kind that is not known.</exception>
    public static SentenceSimilarity Load(string folder, Device? device = null) => new(TextEmbedder.Load(folder, device));

    /// <summary>-1 to 1 for each text, in their order.</summary>
    public float[] Run(string text, IReadOnlyList<string> others)
    {
        var vectors = _embedder.Embed([text, .. others], s_unit);
        return [.. vectors.Skip(1).Select(v => v.Zip(vectors[0], (a, b) => a * b).Sum())];
    }

    /// <summary>Places and scores of the texts, the nearest first.</summary>
    public IReadOnlyList<(int Index, float Score)> Rank(string text, IReadOnlyList<string> others)
        => [.. Run(text, others).Select((score, i) => (i, score)).OrderByDescending(s => s.score)];

    /// <inheritdoc/>
    public void Dispose() => _embedder.Dispose();
}
