using TransformerTorch.Generation;
using TransformerTorch.Generation.Batching;
using TransformerTorch.Models;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Models;

/// <summary>What encoders have beyond what holds for every family (<see cref="ModelContractTests"/>).</summary>
public class EncoderTests
{
    public static TheoryData<string> Families => [.. SmallEncoders.All.Names];

    private static Tensor Ids(long rows, long length) => randint(3, 60, [rows, length], ScalarType.Int64);

    [Theory, MemberData(nameof(Families))]
    public void Attention_weights_are_traced_on_request_and_hide_padding(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = ModelContractTests.Model(family);
        var (ids, mask, traced) = (Ids(2, 5), ones([2, 5], ScalarType.Int64), new List<Tensor>());
        mask[1, 4] = 0;
        var inputs = new ModelInputs { Ids = ids, Mask = mask, Trace = Keep };
        model.Backbone.Hidden(inputs);
        Assert.Empty(traced);
        model.Backbone.Hidden(inputs with { TraceAttention = true });
        Assert.Equal(3, traced.Count);
        Assert.All(traced, w => Assert.Equal([2, 6, 5, 5], w.shape));
        Assert.All(traced, w => TensorAssert.Close(ones([2, 6, 5]), w.sum(-1), 1e-5));
        Assert.All(traced, w => TensorAssert.Close(zeros([6, 4]), w[1].select(-1, 4).narrow(-1, 0, 4), 0));

        void Keep(string name, Tensor tensor)
        {
            if (name == "attentions") traced.Add(tensor.clone().MoveToOtherDisposeScope(scope));
        }
    }

    [Fact]
    public void A_convolution_refuses_packed_documents_across_which_it_would_see()
    {
        using var scope = NewDisposeScope();
        using var model = ModelContractTests.Model("deberta-v2", ("conv_kernel_size", 3));
        var ids = Ids(1, 4);
        Assert.Throws<NotSupportedException>(() => model.Backbone.Hidden(new ModelInputs { Ids = ids, Documents = zeros_like(ids) }));
    }

    /// <summary>Truth: gte-Qwen2's own modelling file, which leaves the mask out where <c>is_causal</c> is false.</summary>
    [Theory, InlineData("qwen2"), InlineData("llama")]
    public void A_decoder_that_is_not_causal_sees_what_follows_and_does_not_generate(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = ModelContractTests.Build(family, ("is_causal", false), ("use_sliding_window", false));
        Tensor first = tensor([5L, 6, 7, 8]).unsqueeze(0), other = tensor([5L, 6, 7, 9]).unsqueeze(0);
        Assert.True((model.Hidden(first) - model.Hidden(other))[0, 0].abs().max().item<float>() > 1e-4);
        Assert.Throws<ArgumentException>(() => new TokenGenerator(model));
        Assert.Throws<ArgumentException>(() => new BatchEngine(model));
    }

    [Fact]
    public void More_tokens_than_positions_counted_from_the_padding_id_are_refused()
    {
        using var scope = NewDisposeScope();
        using var model = ModelContractTests.Model("roberta");
        var error = Assert.Throws<ArgumentException>(() => model.Backbone.call(Ids(1, 31)));
        Assert.Equal("a sequence of 31 tokens, the model has 30 positions", error.Message);
    }

    [Theory]
    [InlineData("roberta", "lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight")]
    [InlineData("bert", "bert.embeddings.LayerNorm.gamma", "bert.embeddings.LayerNorm.weight")]
    public void Older_spellings_and_tied_copies_are_names_of_the_same_tensor(string family, string other, string published)
    {
        using var model = ModelContractTests.Model(family);
        Assert.Contains(other, model.Names.Spellings(published));
        Assert.Contains(published.Split('.', 2)[1], model.Names.Spellings(published)); // of a bare checkpoint
    }
}
