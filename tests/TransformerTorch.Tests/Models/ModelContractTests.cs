using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Checkpoints;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Models;

/// <summary>
/// What holds for every family, on small models of its own values: encoders, decoders, and encoders with decoders, which then read a text
/// beside the one that the ids are.
/// </summary>
public class ModelContractTests
{
    private const double Within = 2e-5;

    public static TheoryData<string> Families => [.. s_small.SelectMany(s => s.Names)];

    /// <summary>Those that continue texts.</summary>
    public static TheoryData<string> Writers => [.. SmallDecoders.All.Names, .. SmallEncoderDecoders.All.Names];

    public static TheoryData<string> EncoderDecoders => [.. SmallEncoderDecoders.All.Names];

    private static readonly SmallConfigurations[] s_small = [SmallEncoders.All, SmallDecoders.All, SmallEncoderDecoders.All];

    internal static CausalLanguageModel Build(string family, params (string Key, JsonNode Value)[] changes)
        => (CausalLanguageModel)Model(family, changes);

    internal static LanguageModel Model(string family, params (string Key, JsonNode Value)[] changes)
    {
        manual_seed(7);
        var keys = s_small.Single(s => s.Names.Contains(family)).Keys(family, changes);
        var model = (LanguageModel)PretrainedModel.Create(ModelConfig.FromKeys(keys, family));
        model.InitializeWeights();
        return model;
    }

    /// <summary>Ids that are no special tokens of any of them.</summary>
    private static Tensor Ids(long rows, long length) => randint(3, 60, [rows, length], ScalarType.Int64);

    /// <summary>What a model reads, and an encoder beside a decoder a text of its own.</summary>
    private static ModelInputs Inputs(LanguageModel model, Tensor ids, Tensor? mask = null, KvCache? cache = null)
        => model.Config is { Encoder: { }, Decoder: { } } ? new()
        {
            Ids = Source(ids.shape[0]), DecoderIds = ids, DecoderMask = mask, Cache = cache,
        }
        : new() { Ids = ids, Mask = mask, Cache = cache };

    private static Tensor Source(long batch) => arange(5, 14, ScalarType.Int64).expand(batch, 9);

    private static Tensor Hidden(LanguageModel model, Tensor ids, Tensor? mask = null, KvCache? cache = null)
        => model.Backbone.Hidden(Inputs(model, ids, mask, cache));

    private static Tensor Logits(LanguageModel model, Tensor ids)
    {
        using var scope = NewDisposeScope();
        return model.Logits(Inputs(model, ids)).MoveToOuterDisposeScope();
    }

    private static Tensor LossSum(LanguageModel model, Tensor ids, Tensor labels)
    {
        using var scope = NewDisposeScope();
        var inputs = Inputs(model, ids) with { DecoderIds = null };
        return model.Loss(inputs, new ModelLabels { Labels = labels })[0].Sum.MoveToOuterDisposeScope();
    }

    [Theory, MemberData(nameof(Families))]
    public void A_batch_gives_what_each_row_gives_alone(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Model(family);
        var ids = Ids(3, 9);
        var together = Logits(model, ids);
        for (var row = 0; row < 3; row++) TensorAssert.Close(Logits(model, ids.narrow(0, row, 1)), together.narrow(0, row, 1), Within);
    }

    [Theory, MemberData(nameof(Families))]
    public void Padding_on_either_side_changes_nothing(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Model(family);
        var ids = Ids(2, 7);
        var pad = full([2, 3], model.Config.PaddingToken ?? 5L, ScalarType.Int64);
        var (one, none) = (ones([2, 7], ScalarType.Int64), zeros([2, 3], ScalarType.Int64));
        var alone = Hidden(model, ids);
        // Where every place counts as a position, tokens that others push on are others.
        if (model.Config.Main.Embeddings is { Positions: 0 } or { PositionSource: not PositionSource.Index })
            TensorAssert.Close(alone, Hidden(model, cat([pad, ids], 1), cat([none, one], 1)).narrow(1, 3, 7), Within);
        TensorAssert.Close(alone, Hidden(model, cat([ids, pad], 1), cat([one, none], 1)).narrow(1, 0, 7), Within);
    }

    [Theory, MemberData(nameof(Writers))]
    public void A_cache_continues_exactly_where_the_prompt_stopped(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Model(family);
        var ids = Ids(2, 12);
        var whole = Hidden(model, ids);
        using var cache = model.Backbone.NewCache(capacity: 6); // grows on the way
        var pieces = new List<Tensor>();
        var at = 0L;
        foreach (var length in (int[])[5, 1, 1, 3, 2])
        {
            pieces.Add(Hidden(model, ids.narrow(1, at, length), cache: cache));
            at += length;
        }
        TensorAssert.Close(whole, cat(pieces, 1), Within);
        Assert.Equal(12, cache.Offset);
    }

    [Theory, MemberData(nameof(Writers))]
    public void A_cache_whose_rows_are_reordered_continues_the_chosen_rows(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Model(family);
        var (ids, next) = (Ids(2, 6), Ids(3, 1));
        var rows = tensor(new long[] { 1, 1, 0 });
        using var cache = model.Backbone.NewCache(capacity: 8);
        var mask = ones([2, 6], ScalarType.Int64);
        mask[0, 0] = 0;
        Hidden(model, ids, mask, cache);
        cache.Select(rows);
        var continued = Hidden(model, next, cache: cache);
        var wholeMask = cat([mask.index_select(0, rows), ones([3, 1], ScalarType.Int64)], 1);
        var whole = Hidden(model, cat([ids.index_select(0, rows), next], 1), wholeMask);
        TensorAssert.Close(whole.narrow(1, 6, 1), continued, Within);
    }

    [Theory, MemberData(nameof(Writers))]
    public void A_cache_whose_rows_inherit_continues_their_parents(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Model(family);
        var (ids, next) = (Ids(4, 6), Ids(4, 1));
        int[] parents = [2, 1, 0, 2]; // two change places, one stays, one goes
        using var cache = model.Backbone.NewCache(capacity: 8);
        Hidden(model, ids, cache: cache);
        cache.Inherit(parents);
        var continued = Hidden(model, next, cache: cache);
        var rows = tensor(parents.Select(p => (long)p).ToArray());
        var whole = Hidden(model, cat([ids.index_select(0, rows), next], 1));
        TensorAssert.Close(whole.narrow(1, 6, 1), continued, Within);
    }

    [Theory, MemberData(nameof(Families))]
    public void Documents_packed_into_one_row_give_what_each_gives_alone(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Model(family);
        var documents = new[] { 4L, 5, 2 }.Select(length => Inputs(model, Ids(2, length))).ToList();
        for (var i = 1; i < 3; i++) // sources unlike each other
            if (documents[i].DecoderIds is not null) documents[i] = documents[i] with { Ids = Ids(2, 3 + i) };
        var packed = new ModelInputs
        {
            Ids = Joined(d => d.Ids), Documents = Numbers(d => d.Ids),
            DecoderIds = Joined(d => d.DecoderIds), DecoderDocuments = Numbers(d => d.DecoderIds),
        };
        TensorAssert.Close(cat([.. documents.Select(model.Backbone.Hidden)], 1), model.Backbone.Hidden(packed), Within);

        Tensor Joined(Func<ModelInputs, Tensor?> of, Func<Tensor, int, Tensor>? each = null)
        {
            var parts = documents.Select(of).OfType<Tensor>().Select(each ?? ((part, _) => part)).ToArray();
            return parts is [] ? null! : cat(parts, 1);
        }
        Tensor Numbers(Func<ModelInputs, Tensor?> of) => Joined(of, (part, i) => full_like(part, i));
    }

    [Theory, MemberData(nameof(Families))]
    public void A_saved_model_is_loaded_as_it_was(string family)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Model(family);
        ModelFolder.Save(model, folder.Root);
        using var loaded = ModelFolder.Load<LanguageModel>(folder.Root);
        var ids = Ids(2, 7);
        TensorAssert.Close(Logits(model, ids), Logits(loaded, ids), within: 0);
        Assert.Equal(model.named_parameters().Select(p => p.name), loaded.named_parameters().Select(p => p.name));
    }

    public static TheoryData<string, bool> FamiliesOnBothWays()
    {
        var cases = new TheoryData<string, bool>();
        foreach (var family in s_small.SelectMany(s => s.Names))
        {
            cases.Add(family, true);
            cases.Add(family, false);
        }
        return cases;
    }

    [SkippableTheory, MemberData(nameof(FamiliesOnBothWays))]
    public void Mixed_precision_stays_near_float32_and_leaves_weights_in_it(string family, bool bridge)
    {
        using var way = new Way(bridge ? AttentionKernelKind.Fused : AttentionKernelKind.Sdpa, bridge);
        using var scope = NewDisposeScope();
        using var model = Model(family);
        var ids = Ids(2, 16);
        var exact = LossSum(model, ids, ids).item<float>();
        Tensor loss;
        using (Autocast.Enter(Precision.Bf16, CPU)) loss = LossSum(model, ids, ids);
        loss.backward();
        Assert.Equal(ScalarType.Float32, loss.dtype);
        Assert.NotEqual(exact, loss.item<float>()); // it did compute in bfloat16
        TensorAssert.Near(exact, loss.item<float>(), SmallEncoders.All.Names.Contains(family) ? 3e-2 : 2e-2, "loss");
        Assert.All(model.parameters().Where(p => p.requires_grad), p => Assert.Equal(ScalarType.Float32, p.grad!.dtype));
    }

    [Theory, MemberData(nameof(Families))]
    public void Fifty_training_steps_leave_no_tensor_behind(string family)
    {
        using var model = Model(family, ("attn_pdrop", 0.1), ("resid_pdrop", 0.1), ("dropout", 0.1), ("dropout_rate", 0.1),
            ("hidden_dropout_prob", 0.1));
        model.train();
        Tensor[] parameters = [.. model.parameters().Where(p => p.requires_grad)];
        var (means, squares) = (Array.ConvertAll(parameters, Zeros), Array.ConvertAll(parameters, Zeros));
        Step(1);
        model.zero_grad();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var step = 2; step <= 51; step++) Step(step);
        model.zero_grad();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        static Tensor Zeros(Tensor like) => zeros_like(like, requires_grad: false);
        void Step(int step)
        {
            using var scope = NewDisposeScope();
            model.zero_grad();
            var ids = Ids(2, 16);
            LossSum(model, ids, ids).backward();
            var gradients = Array.ConvertAll(parameters, p => p.grad!);
            OptimizerOperators.AdamW(new(parameters, gradients) { GradientScale = OptimizerOperators.GradNorm(gradients) }, means, squares,
                new AdamWOptions(), step);
        }
    }

    [Theory, MemberData(nameof(Families))]
    public void A_forward_pass_leaves_only_its_result(string family)
    {
        using var model = Model(family);
        using var ids = Ids(2, 16);
        using (Logits(model, ids)) { }
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (Logits(model, ids)) Assert.Equal(before + 1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        using (LossSum(model, ids, ids)) Assert.Equal(before + 1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Theory, MemberData(nameof(Families))]
    public void Loss_equals_cross_entropy_of_logits_and_what_follows(string family)
    {
        using var scope = NewDisposeScope();
        using var model = Model(family);
        var labels = Ids(2, 8);
        var ids = labels.clone();
        labels[0, 3] = -100;
        var (logits, wanted) = model is SequenceToSequenceModel reader ? (Logits(model, reader.Shifted(labels)), labels)
            : model is MaskedLanguageModel ? (Logits(model, ids), labels)
            : (Logits(model, ids).narrow(1, 0, 7), labels.narrow(1, 1, 7));
        var expected = nn.functional.cross_entropy(logits.reshape(-1, 61), wanted.reshape(-1), reduction: nn.Reduction.Sum);
        TensorAssert.Near(expected.item<float>(), LossSum(model, ids, labels).item<float>(), 1e-5, "loss");
    }

    [Theory, MemberData(nameof(EncoderDecoders))]
    public void Padding_of_what_an_encoder_reads_changes_nothing(string family)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = Model(family);
        var ids = Ids(2, 5);
        var inputs = Inputs(model, ids);
        var padded = cat([inputs.Ids, full([2, 3], 4L, ScalarType.Int64)], 1);
        var mask = cat([ones([2, 9], ScalarType.Int64), zeros([2, 3], ScalarType.Int64)], 1);
        TensorAssert.Close(model.Backbone.Hidden(inputs), model.Backbone.Hidden(inputs with { Ids = padded, Mask = mask }), Within);
    }

    [Theory, MemberData(nameof(EncoderDecoders))]
    public void Documents_packed_into_one_row_are_learnt_as_if_alone(string family)
    {
        using var scope = NewDisposeScope();
        using var model = Model(family);
        Tensor[] labels = [Ids(1, 4), Ids(1, 6)];
        var (inputs, learnt) = (new ModelInputs { Ids = cat([Source(1), Source(1)], 1) }, new ModelLabels { Labels = cat(labels, 1) });
        inputs = inputs with { Documents = Numbers(9, 9), DecoderDocuments = Numbers(4, 6) };
        if (model.Config.StartsWithLastToken)
        {
            Assert.Throws<NotSupportedException>(() => model.Loss(inputs, learnt));
            return;
        }
        var alone = labels.Sum(l => LossSum(model, l, l).item<float>());
        TensorAssert.Near(alone, model.Loss(inputs, learnt)[0].Sum.item<float>(), 1e-5, "loss");

        static Tensor Numbers(long first, long second)
            => cat([zeros([1, first], ScalarType.Int64), ones([1, second], ScalarType.Int64)], 1);
    }

    [Fact]
    public void More_tokens_than_learned_positions_are_refused_with_both_numbers()
    {
        using var scope = NewDisposeScope();
        using var model = Build("gpt2");
        var error = Assert.Throws<ArgumentException>(() => Logits(model, zeros([1, 33], ScalarType.Int64)));
        Assert.Equal("a sequence of 33 tokens, the model has 32 positions", error.Message);
    }

    [Fact]
    public void First_values_are_the_papers()
    {
        using var scope = NewDisposeScope();
        using var model = Build("gpt2", ("n_embd", 96), ("initializer_range", 0.02));
        foreach (var (name, parameter) in model.named_parameters())
        {
            var residual = name.Contains("output.", StringComparison.Ordinal) || name.Contains("down.", StringComparison.Ordinal);
            var constant = name.Contains("norm.weight", StringComparison.Ordinal) ? 1 : 0;
            var expected = residual ? 0.02 / Math.Sqrt(6) : 0.02;
            if (parameter.dim() == 2) TensorAssert.Near(expected, parameter.std().item<float>(), 0.1, name);
            else TensorAssert.Close(full_like(parameter, constant), parameter, within: 0);
        }
    }
}
