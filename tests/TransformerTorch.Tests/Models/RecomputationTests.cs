using System.Runtime.InteropServices;
using TorchSharp;
using TransformerTorch.Checkpoints;
using TransformerTorch.Checkpoints.Adapters;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Tests.Support;
using TransformerTorch.Verification;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Models;

/// <summary>Truth: the same model's gradients with every activation kept.</summary>
[Collection(nameof(Training.Alone))]
public sealed class RecomputationTests
{
    private static readonly string[] s_models =
        ["gpt2", "llama", "bert-sequence-classification", "t5", "bart", "deberta-v2-own-projections", "gemma2"];

    public static IEnumerable<object[]> Cases =>
        from name in s_models
        from precision in (Precision[])[Precision.Fp32, Precision.Bf16]
        from every in Enumerable.Range(1, 2)
        select new object[] { name, precision, every };

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Gradients_are_the_same_bit_for_bit_dropout_included(string name, Precision precision, int every)
    {
        Skip.IfNot(NativeBridge.IsAvailable, NativeBridge.Missing);
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load<PretrainedModel>(Fixtures.Model(name));
        using var reference = new ReferenceCase(Fixtures.Model(name));

        var kept = Gradients(model, reference, precision, 0);
        var recomputed = Gradients(model, reference, precision, every);

        Assert.Equal(kept.Keys, recomputed.Keys);
        Assert.All(kept.Where(pair => !IsReadTwice(pair.Key)),
            pair => Assert.True(pair.Value.SequenceEqual(recomputed[pair.Key]), pair.Key));
        Assert.All(kept.Keys.Where(IsReadTwice), key => Assert.All(Floats(kept[key]).Zip(Floats(recomputed[key])), pair =>
            Assert.Equal(pair.First, pair.Second, 1e-6f)));

        // Each layer reads these vectors for its queries and for its keys: the same terms are added up in another order.
        static bool IsReadTwice(string name) => name.Contains("relative_positions", StringComparison.Ordinal);

        static float[] Floats(byte[] bytes) => MemoryMarshal.Cast<byte, float>(bytes).ToArray();
    }

    [SkippableFact]
    public void Frozen_embeddings_do_not_keep_the_blocks_from_learning()
    {
        Skip.IfNot(NativeBridge.IsAvailable, NativeBridge.Missing);
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load<PretrainedModel>(Fixtures.Model("llama"));
        foreach (var (name, parameter) in model.named_parameters())
            if (name.Contains("embeddings", StringComparison.Ordinal)) parameter.requires_grad = false;
        using var reference = new ReferenceCase(Fixtures.Model("llama"));

        var kept = Gradients(model, reference, Precision.Fp32, 0);
        var recomputed = Gradients(model, reference, Precision.Fp32, 1);

        Assert.Equal(kept.Keys, recomputed.Keys);
        Assert.All(kept, pair => Assert.True(pair.Value.SequenceEqual(recomputed[pair.Key]), pair.Key));
    }

    [SkippableFact]
    public void What_an_adapter_drops_is_dropped_again()
    {
        Skip.IfNot(NativeBridge.IsAvailable, NativeBridge.Missing);
        using var scope = NewDisposeScope();
        using var model = ModelFolder.Load<PretrainedModel>(Fixtures.Model("llama")); // drops nothing itself
        var adapter = LoraAdapter.Add(model, new LoraOptions { Dropout = 0.5, Rank = 2 });
        using (no_grad()) foreach (var update in model.modules().OfType<LowRankUpdate>()) update.Up.fill_(0.1);
        using var reference = new ReferenceCase(Fixtures.Model("llama"));

        var kept = Gradients(model, reference, Precision.Fp32, 0);
        var recomputed = Gradients(model, reference, Precision.Fp32, 1);

        Assert.NotEmpty(adapter.Modules);
        Assert.Equal(kept.Keys, recomputed.Keys);
        Assert.All(kept, pair => Assert.True(pair.Value.SequenceEqual(recomputed[pair.Key]), pair.Key));
    }

    [SkippableFact]
    public void Passes_leave_no_tensors_behind()
    {
        Skip.IfNot(NativeBridge.IsAvailable, NativeBridge.Missing);
        using var model = ModelFolder.Load<PretrainedModel>(Fixtures.Model("t5"));
        using var reference = new ReferenceCase(Fixtures.Model("t5"));
        var live = new List<long>();
        for (var pass = 0; pass < 4; pass++)
        {
            Gradients(model, reference, Precision.Fp32, 1);
            live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }

        Assert.Equal(live[1], live[^1]);
    }

    private static Dictionary<string, byte[]> Gradients(PretrainedModel model, ReferenceCase reference, Precision precision, int every)
    {
        using var scope = NewDisposeScope();
        foreach (var stack in model.modules().OfType<Stack>()) stack.RecomputeEvery = every;
        model.train();
        model.zero_grad();
        manual_seed(3);
        Tensor loss;
        using (Autocast.Enter(precision, CPU)) loss = LossTerm.Total(model.Loss(reference.Inputs(CPU), reference.Labels(CPU)));
        loss.backward();
        var after = rand(1); // and the generator stands where it would
        return model.named_parameters().Where(p => p.parameter.grad is not null)
            .ToDictionary(p => p.name, p => p.parameter.grad!.contiguous().bytes.ToArray())
            .Append(new("the next random number", after.bytes.ToArray())).ToDictionary(p => p.Key, p => p.Value);
    }
}
