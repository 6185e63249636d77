using Microsoft.Extensions.AI;
using TransformerTorch.AI.Tests.Support;
using TransformerTorch.Sentences;

namespace TransformerTorch.AI.Tests;

/// <summary>Truth: <see cref="TextEmbedder"/>, itself held to sentence-transformers.</summary>
public sealed class EmbeddingGeneratorTests
{
    private static readonly string[] _texts = ["a cat", "the weather is fine today", "", "x y z"];

    [Fact]
    public async Task Embeddings_are_the_embedders_vectors_in_order_with_usage()
    {
        using var embedder = TextEmbedder.Load(SmallModel.Sentences);
        await using var source = new ModelSource(new ModelOptions { Model = SmallModel.Sentences });
        using var generator = new TransformerEmbeddingGenerator(source);

        var embeddings = await generator.GenerateAsync(_texts);

        Assert.Equal(embedder.Embed(_texts), embeddings.Select(e => e.Vector.ToArray()));
        Assert.True(embeddings.Usage!.InputTokenCount > 10);
        var metadata = Assert.IsType<EmbeddingGeneratorMetadata>(generator.GetService(typeof(EmbeddingGeneratorMetadata)));
        Assert.Equal(embedder.Dimensions, metadata.DefaultModelDimensions);
        Assert.Empty(await generator.GenerateAsync([]));
    }

    [Theory]
    [InlineData("bfloat16", 0.999)]
    [InlineData("int8", 0.999)]
    public async Task Half_precision_and_few_bits_embed_nearly_alike(string type, double likeness)
    {
        using var embedder = TextEmbedder.Load(SmallModel.Sentences);
        var expected = embedder.Embed(_texts);
        await using var source = new ModelSource(new ModelOptions { Model = SmallModel.Sentences, Type = type });
        using var generator = new TransformerEmbeddingGenerator(source);

        var found = (await generator.GenerateAsync(_texts)).Select(e => e.Vector.ToArray()).ToArray();

        Assert.All(expected.Zip(found), pair => Assert.InRange(Cosine(pair.First, pair.Second), likeness, 1.0001));
        Assert.NotEqual(expected, found);

        static double Cosine(float[] a, float[] b)
            => a.Zip(b, (x, y) => x * y).Sum() / Math.Sqrt(a.Sum(x => x * x) * b.Sum(y => y * y));
    }

    [Fact]
    public async Task Fewer_dimensions_are_the_first_ones_at_length_one_and_more_are_refused()
    {
        await using var source = new ModelSource(new ModelOptions { Model = SmallModel.Sentences });
        using var generator = new TransformerEmbeddingGenerator(source);

        var whole = (await generator.GenerateAsync(_texts))[1].Vector.ToArray();
        var some = (await generator.GenerateAsync(_texts, new EmbeddingGenerationOptions { Dimensions = 3 }))[1].Vector.ToArray();

        var length = Math.Sqrt(whole.Take(3).Sum(x => x * x));
        Assert.Equal(whole.Take(3).Select(x => (float)(x / length)), some, (a, b) => Math.Abs(a - b) < 1e-5);
        var more = new EmbeddingGenerationOptions { Dimensions = 100_000 };
        await Assert.ThrowsAsync<ArgumentException>(() => generator.GenerateAsync(_texts, more));
    }

    [Fact]
    public async Task Many_callers_at_once_get_their_own_vectors()
    {
        await using var source = new ModelSource(new ModelOptions { Model = SmallModel.Sentences });
        using var generator = new TransformerEmbeddingGenerator(source);
        var alone = await generator.GenerateAsync(_texts);

        var together = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => generator.GenerateAsync([_texts[i % 4]])));

        for (var i = 0; i < 24; i++)
            Assert.Equal(alone[i % 4].Vector.ToArray(), together[i][0].Vector.ToArray(), (a, b) => Math.Abs(a - b) < 1e-5);
    }
}
