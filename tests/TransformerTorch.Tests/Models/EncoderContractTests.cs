using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Checkpoints;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Models;

/// <summary>What holds for every encoder, on small models of its own values: see <see cref="ModelContractTests"/> for decoders.</summary>
public class EncoderContractTests
{
    private const double Within = 2e-5;
    private const long Pad = 1;

    public static TheoryData<string> Families => [.. SmallEncoders.Names];

    private static MaskedLanguageModel Build(string family, params (string Key, JsonNode Value)[] changes)
    {
        manual_seed(7);
        var model = new MaskedLanguageModel(ModelConfig.FromKeys(SmallEncoders.Keys(family, changes), family));
        model.InitializeWeights();
        return model;
    }

    private static Tensor Ids(long rows, long length) => randint(3, 60, [rows, length], ScalarType.Int64);

    private static Tensor Hidden(PretrainedModel model, Tensor ids, Tensor? mask = null, Tensor? documents = null)
        => model.Backbone.Hidden(new ModelInputs { Ids = ids, Mask = mask, Documents = documents });

    private static Tensor Loss(MaskedLanguageModel model, Tensor ids)
    {
        var terms = model.Loss(new ModelInputs { Ids = ids }, new ModelLabels { Labels = ids });
        return LossTerm.Total(terms);
    }

    [Theory, MemberData(nameof(Families))]
    public void A_batch_gives_what_each_row_gives_alone(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Build(family);
        var ids = Ids(3, 9);
        var together = Hidden(model, ids);
        for (var row = 0; row < 3; row++) TensorAssert.Close(Hidden(model, ids.narrow(0, row, 1)), together.narrow(0, row, 1), Within);
    }

    [Theory, MemberData(nameof(Families))]
    public void Padding_changes_nothing(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Build(family);
        var ids = Ids(2, 7);
        var (pad, one, none) = (full([2, 3], Pad, ScalarType.Int64), ones([2, 7], ScalarType.Int64), zeros([2, 3], ScalarType.Int64));
        var alone = Hidden(model, ids);
        TensorAssert.Close(alone, Hidden(model, cat([ids, pad], 1), cat([one, none], 1)).narrow(1, 0, 7), Within);
        if (SmallEncoders.CountsPlaces(family)) return;
        TensorAssert.Close(alone, Hidden(model, cat([pad, ids], 1), cat([none, one], 1)).narrow(1, 3, 7), Within);
    }

    [Theory, MemberData(nameof(Families))]
    public void Documents_packed_into_a_row_are_read_as_if_alone(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Build(family);
        Tensor[] documents = [Ids(1, 5), Ids(1, 2), Ids(1, 6)];
        var numbers = cat([.. documents.Select((d, i) => full_like(d, i))], 1);
        var packed = Hidden(model, cat(documents, 1), documents: numbers);
        TensorAssert.Close(cat([.. documents.Select(d => Hidden(model, d))], 1), packed, Within);
    }

    [Theory, MemberData(nameof(Families))]
    public void A_saved_model_loads_as_it_was(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var folder = new TemporaryFolder();
        using var model = Build(family);
        ModelFolder.Save(model, folder.Root);
        using var loaded = ModelFolder.Load<MaskedLanguageModel>(folder.Root);
        var ids = Ids(2, 9);
        TensorAssert.Close(model.Logits(new ModelInputs { Ids = ids }), loaded.Logits(new ModelInputs { Ids = ids }), within: 0);
    }

    [Theory, MemberData(nameof(Families))]
    public void Mixed_precision_stays_near_float32_and_leaves_weights_in_it(string family)
    {
        using var scope = NewDisposeScope();
        using var model = Build(family);
        var ids = Ids(2, 12);
        var exact = Loss(model, ids).item<float>();
        Tensor loss;
        using (Autocast.Enter(Precision.Bf16, CPU)) loss = Loss(model, ids);
        loss.backward();
        Assert.NotEqual(exact, loss.item<float>()); // it did compute in bfloat16
        TensorAssert.Near(exact, loss.item<float>(), 3e-2, "loss");
        Assert.All(model.parameters(), p => Assert.Equal(ScalarType.Float32, p.grad!.dtype));
    }

    [Theory, MemberData(nameof(Families))]
    public void Passes_leave_no_tensor_behind(string family)
    {
        using var model = Build(family);
        using var ids = Ids(2, 12);
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 3; i++) Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        using (model.Logits(new ModelInputs { Ids = ids })) Assert.Equal(before + 1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Step()
        {
            using var scope = NewDisposeScope();
            Loss(model, ids).backward();
            model.zero_grad();
        }
    }

    [Theory, MemberData(nameof(Families))]
    public void Attention_weights_are_traced_on_request_and_hide_padding(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Build(family);
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
        using var model = Build("deberta-v2", ("conv_kernel_size", 3));
        var ids = Ids(1, 4);
        Assert.Throws<NotSupportedException>(() => Hidden(model, ids, documents: zeros_like(ids)));
    }

    [Fact]
    public void More_tokens_than_positions_counted_from_the_padding_id_are_refused()
    {
        using var scope = NewDisposeScope();
        using var model = Build("roberta");
        var error = Assert.Throws<ArgumentException>(() => Hidden(model, Ids(1, 31)));
        Assert.Equal("a sequence of 31 tokens, the model has 30 positions", error.Message);
    }

    [Theory]
    [InlineData("roberta", "lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight")]
    [InlineData("bert", "bert.embeddings.LayerNorm.gamma", "bert.embeddings.LayerNorm.weight")]
    public void Older_spellings_and_tied_copies_are_names_of_the_same_tensor(string family, string other, string published)
    {
        using var model = Build(family);
        Assert.Contains(other, model.Names.Spellings(published));
        Assert.Contains(published.Split('.', 2)[1], model.Names.Spellings(published)); // of a bare checkpoint
    }
}
