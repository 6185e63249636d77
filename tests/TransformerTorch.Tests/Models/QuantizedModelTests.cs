using TransformerTorch.Checkpoints;
using TransformerTorch.Generation;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Models;

/// <summary>Models whose weights are stored in few bits, against the same models with those weights multiplied out.</summary>
public class QuantizedModelTests
{
    [SkippableTheory]
    [InlineData("gpt2", "int8", true), InlineData("gpt2", "int4", true), InlineData("llama", "int8", true), InlineData("t5", "int4", true)]
    [InlineData("gpt2", "int8-g32", true), InlineData("llama", "int4-g64", true), InlineData("t5", "int4-g128", true)]
    [InlineData("mixtral", "int8", true), InlineData("mixtral", "int4", true), InlineData("mixtral", "int8", false)]
    [InlineData("gpt2", "int8", false), InlineData("gpt2", "int4", false), InlineData("t5", "int8", false)]
    public void A_quantized_model_scores_as_one_with_the_rounded_weights(string name, string type, bool bridge)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var to = Quantization.Parse(type);
        using var quantized = ModelFolder.Load<LanguageModel>(Fixtures.Model(name), new LoadOptions { Quantize = to });
        using var rounded = ModelFolder.Load<LanguageModel>(Fixtures.Model(name));
        var experts = rounded.Backbone.modules().OfType<MixtureOfExperts>().ToList();
        var routers = experts.SelectMany(m => m.modules()).ToHashSet();
        foreach (var linear in rounded.Backbone.modules().OfType<Linear>().Where(l => !routers.Contains(l))) Round(linear.Weight);
        foreach (var weights in experts.SelectMany(m => new[] { m.Input, m.Output }))
            for (var expert = 0; expert < weights.shape[0]; expert++) Round(weights.select(0, expert));
        var inputs = new ModelInputs { Ids = tensor(new long[,] { { 5, 9, 11, 3, 7, 20 } }) };
        inputs = name == "t5" ? inputs with { DecoderIds = inputs.Ids } : inputs;

        // The native product rounds its inputs to 16 bits of their group's largest: 2^-16 of each product's terms, in every layer.
        var hidden = rounded.Backbone.Hidden(inputs);
        TensorAssert.Close(hidden, quantized.Backbone.Hidden(inputs),
            within: bridge ? 16 * Math.ScaleB(1, -16) * hidden.abs().max().item<float>() : 2e-4);
        var (exact, scores) = (rounded.Logits(inputs), quantized.Logits(inputs));
        TensorAssert.Close(exact, scores, within: 0.02 * exact.abs().max().item<float>());
        Assert.True(quantized.IsQuantized);
        Assert.All(quantized.modules().OfType<MixtureOfExperts>(), m => Assert.Equal(0, Weights.Bytes(m.Input) + Weights.Bytes(m.Output)));

        void Round(Tensor weight)
            => weight.copy_(QuantizedOperators.Dequantize(QuantizedOperators.Quantize(weight, to.Bits, to.Group)));
    }

    [Fact]
    public void Names_say_bits_and_group_and_others_are_refused_with_those_there_are()
    {
        Assert.Equal(new Quantization(4, 128), Quantization.Parse("int4-g128"));
        Assert.Equal(Quantization.Bits8, Quantization.Parse("int8-g64"));
        Assert.Contains("int4-g32", Assert.Throws<ArgumentException>(() => Quantization.Parse("int4-g16")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_quantized_model_generates_and_cannot_be_saved()
    {
        using var folder = new TemporaryFolder();
        using var model = ModelFolder.Load<LanguageModel>(Fixtures.Model("gpt2"), new LoadOptions { Quantize = Quantization.Bits4 });
        var ids = new TokenGenerator(model).Generate([[5, 9, 11]], new GenerationOptions { MaxNewTokens = 4, MinNewTokens = 4 });
        Assert.Equal(4, ids[0].Length);
        Assert.Contains("cannot be saved", Assert.Throws<InvalidOperationException>(() => ModelFolder.Save(model, folder.Root)).Message,
            StringComparison.Ordinal);
    }
}
