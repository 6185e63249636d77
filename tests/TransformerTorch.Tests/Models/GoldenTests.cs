using TransformerTorch.Checkpoints;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Models;

/// <summary>Tiny random models against what Hugging Face Transformers computed for them.</summary>
public class GoldenTests
{
    private const double Absolute = 1e-4, LossRelative = 1e-5, GradientRelative = 1e-4;

    /// <summary>Each model on each kernel with the bridge, and without it on those that remain.</summary>
    public static TheoryData<string, AttentionKernelKind, bool> Cases()
    {
        var cases = new TheoryData<string, AttentionKernelKind, bool>();
        foreach (var model in (string[])["gpt2", "llama", "llama-rope-scaled-tied"])
        {
            foreach (var kernel in Enum.GetValues<AttentionKernelKind>()) cases.Add(model, kernel, true);
            cases.Add(model, AttentionKernelKind.Sdpa, false);
            cases.Add(model, AttentionKernelKind.Math, false);
        }
        return cases;
    }

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Hidden_states_and_logits_are_the_references(string name, AttentionKernelKind kernel, bool bridge)
    {
        using var way = new Way(kernel, bridge);
        using var scope = NewDisposeScope();
        using var golden = new Golden(name);
        using var model = ModelFolder.Load(Fixtures.Model(name));
        using var _ = no_grad();
        var mask = golden["in.attention_mask"];
        var states = new List<Tensor>();

        var last = model.Decoder.Hidden(golden["in.input_ids"], mask, each: x => states.Add(x.alias().DetachFromDisposeScope()));
        states[^1] = last;

        Assert.Equal(golden.Names("out.hidden_states.").Count(), states.Count);
        for (var i = 0; i < states.Count; i++) TensorAssert.Close(golden[$"out.hidden_states.{i}"], states[i], Absolute, mask);
        TensorAssert.Close(golden["out.logits"], model.Logits(last), Absolute, mask);
    }

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Loss_and_every_gradient_norm_are_the_references(string name, AttentionKernelKind kernel, bool bridge)
    {
        using var way = new Way(kernel, bridge);
        using var scope = NewDisposeScope();
        using var golden = new Golden(name);
        using var model = ModelFolder.Load(Fixtures.Model(name));

        var loss = Loss(model, golden);
        loss.backward();

        TensorAssert.Near((double)golden.Grads["loss"]!, loss.item<float>(), LossRelative, "loss");
        var expected = golden.Grads["grad_norms"]!.AsObject();
        var published = WeightLoader.Published(model, model.Names, p => p.grad!);
        Assert.Equal(expected.Select(p => p.Key).Order(), published.Select(p => p.Name).Order());
        foreach (var (parameter, gradient) in published)
            TensorAssert.Near((double)expected[parameter]!, gradient().norm().item<float>(), GradientRelative, parameter);
    }

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Ten_losses_of_AdamW_with_clipping_are_the_references(string name, AttentionKernelKind kernel, bool bridge)
    {
        using var way = new Way(kernel, bridge);
        using var scope = NewDisposeScope();
        using var golden = new Golden(name);
        using var model = ModelFolder.Load(Fixtures.Model(name));
        Tensor[] parameters = [.. model.parameters()];
        var (means, squares) = (Array.ConvertAll(parameters, zeros_like), Array.ConvertAll(parameters, zeros_like));
        var expected = golden.Grads["adamw_losses"]!.AsArray();
        var options = new AdamWOptions { LearningRate = 1e-3, WeightDecay = 0.01 };

        for (var step = 1; step <= expected.Count; step++)
        {
            using var each = NewDisposeScope();
            model.zero_grad();
            var loss = Loss(model, golden);
            TensorAssert.Near((double)expected[step - 1]!, loss.item<float>(), LossRelative, $"loss before step {step}");
            loss.backward();
            Tensor[] gradients = Array.ConvertAll(parameters, p => p.grad!);
            var clip = (1 / (OptimizerOperators.GradNorm(gradients) + 1e-6)).clamp_max(1);
            OptimizerOperators.AdamW(new(parameters, gradients, means, squares), options, step, clip);
        }
        Assert.Equal(10, expected.Count);
        static Tensor zeros_like(Tensor t) => torch.zeros_like(t, requires_grad: false);
    }

    private static Tensor Loss(CausalLanguageModel model, Golden golden)
    {
        var labels = golden["in.labels"];
        var targets = labels.narrow(1, 1, labels.shape[1] - 1).ne(-100).sum();
        return model.LossSum(golden["in.input_ids"], labels, golden["in.attention_mask"]) / targets;
    }
}
