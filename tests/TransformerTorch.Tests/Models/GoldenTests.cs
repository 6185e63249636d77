using TransformerTorch.Checkpoints;
using TransformerTorch.Layers;
using TransformerTorch.Tests.Support;
using TransformerTorch.Verification;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Models;

/// <summary>Tiny random models of every family against what Hugging Face Transformers computed for them.</summary>
public class GoldenTests
{
    /// <summary>Each model on each kernel with the bridge, and without it on those that remain.</summary>
    public static TheoryData<string, AttentionKernelKind, bool> Cases()
    {
        var cases = new TheoryData<string, AttentionKernelKind, bool>();
        foreach (var model in Directory.GetDirectories(Path.Combine(Fixtures.Root, "models")).Select(f => Path.GetFileName(f)).Order())
        {
            foreach (var kernel in Enum.GetValues<AttentionKernelKind>()) cases.Add(model, kernel, true);
            cases.Add(model, AttentionKernelKind.Math, false);
        }
        return cases;
    }

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Outputs_losses_gradients_and_generations_are_the_references(string name, AttentionKernelKind kernel, bool bridge)
    {
        using var way = new Way(kernel, bridge);
        using var reference = new ReferenceCase(Fixtures.Model(name));
        using var model = ModelFolder.Load(Fixtures.Model(name));

        var findings = new Verifier(model, reference).Run().ToList();

        Assert.NotEmpty(findings);
        Assert.All(findings, f => Assert.True(f.Ok, $"{f.Name}: {f.Difference:g3}, allowed {f.Limit:g3} {f.Detail}"));
    }

    /// <summary>Truth: Transformers' T5 in float64, its norms and softmax too, which it computes in float32 otherwise.</summary>
    [SkippableTheory, InlineData(true), InlineData(false)]
    public void T5_takes_the_references_ten_steps_in_float64(bool bridge)
    {
        double[] expected = [4.911445132313, 4.820408568946, 4.740053246438, 4.662884993272, 4.586765579284, 4.525219212416, 4.471857082477,
            4.418856572012, 4.365512787868, 4.313453489313];
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var reference = new ReferenceCase(Fixtures.Model("t5"));
        using var model = ModelFolder.Load(Fixtures.Model("t5"));

        var losses = new Verifier(model, reference).ExactLosses(expected.Length);

        Assert.All(expected.Zip(losses), pair => Assert.Equal(pair.First, pair.Second, 1e-10));
    }

    /// <summary>t5, whose path rounding decides, so that several are tried.</summary>
    [Fact]
    public void A_parameter_that_does_not_learn_is_found_in_the_steps()
    {
        using var reference = new ReferenceCase(Fixtures.Model("t5"));
        using var model = ModelFolder.Load(Fixtures.Model("t5"));
        model.parameters().Last().requires_grad = false; // the last norm

        var steps = new Verifier(model, reference).AdamW();

        Assert.True(steps[0].Ok);
        Assert.Contains(steps, f => !f.Ok);
    }

    [Fact]
    public void A_changed_weight_is_found_in_outputs_losses_gradients_and_generations()
    {
        using var reference = new ReferenceCase(Fixtures.Model("gpt2"));
        using var model = ModelFolder.Load(Fixtures.Model("gpt2"));
        using (no_grad()) model.Backbone.TokenWeight.mul_(1.01);

        var verifier = new Verifier(model, reference);

        Assert.Contains(verifier.Outputs(), f => f.Name == "logits" && !f.Ok);
        Assert.Contains(verifier.Gradients(), f => f.Name == "loss" && !f.Ok);
        Assert.Contains(verifier.Gradients(), f => f.Name.StartsWith("gradient", StringComparison.Ordinal) && !f.Ok);
        Assert.All(verifier.AdamW(), f => Assert.False(f.Ok));
        using (no_grad()) model.Backbone.TokenWeight.fill_(1);
        Assert.All(verifier.Generations(), f => Assert.False(f.Ok));
    }
}
