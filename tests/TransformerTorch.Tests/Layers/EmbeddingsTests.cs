using TorchSharp;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Layers;

/// <summary>Token vectors, against numbers worked out by hand.</summary>
public class EmbeddingsTests
{
    /// <summary>
    /// The root of 3072, 55.4256, is 55.5 in bfloat16, as Transformers' Gemma has it; 1.3125 times that is 73, and 72.5 from the root
    /// itself.
    /// </summary>
    [Theory]
    [InlineData("gemma", 73)]
    [InlineData("pegasus", 72.5)] // whose reference multiplies by a number of Python's
    public void Gemmas_scale_is_rounded_to_the_type_of_the_weights(string family, double expected)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var config = ModelConfig.FromKeys(new()
        {
            ["model_type"] = family, ["hidden_size"] = 3072, ["d_model"] = 3072, ["scale_embedding"] = true,
        }, "test");
        using var embeddings = new Embeddings(config.Main.Embeddings with
        {
            VocabularySize = 2, PaddingToken = null, Positions = 0, Sinusoidal = false,
        });
        embeddings.eval();
        embeddings.TokenWeight.fill_(1.3125);
        embeddings.to(ScalarType.BFloat16);
        var positions = zeros([1], ScalarType.Int64);
        var x = embeddings.forward(zeros([1, 1], ScalarType.Int64), positions, null, null);
        TensorAssert.Close(full([1, 1, 3072], expected), x, within: 0);
    }
}
