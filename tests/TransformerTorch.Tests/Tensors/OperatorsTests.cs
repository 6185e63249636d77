using TorchSharp;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Tensors;

/// <summary>Each operator, native and composed, against its formula in double precision, gradients included.</summary>
public class OperatorsTests
{
    private const double Within = 2e-5;

    public static TheoryData<bool> Ways => [true, false];

    [SkippableTheory, MemberData(nameof(Ways))]
    public void Linear_is_x_times_the_transposed_weight_plus_the_bias(bool bridge)
        => Check(bridge, [[2, 5, 12], [7, 12], [7]], t => Operators.Linear(t[0], t[1], t[2]), t => matmul(t[0], t[1].t()) + t[2]);

    [SkippableTheory, MemberData(nameof(Ways))]
    public void Layer_norm_centres_and_scales(bool bridge)
        => Check(bridge, [[2, 5, 33], [33], [33]], t => Operators.LayerNorm(t[0], t[1], t[2], 1e-5), t =>
        {
            var centred = t[0] - t[0].mean([-1], keepdim: true);
            return centred / (centred.square().mean([-1], keepdim: true) + 1e-5).sqrt() * t[1] + t[2];
        });

    [SkippableTheory, MemberData(nameof(Ways))]
    public void Rms_norm_scales_only(bool bridge)
        => Check(bridge, [[2, 5, 33], [33]], t => Operators.RmsNorm(t[0], t[1], 1e-6),
            t => t[0] / (t[0].square().mean([-1], keepdim: true) + 1e-6).sqrt() * t[1]);

    [SkippableTheory, MemberData(nameof(Ways))]
    public void Gelu_is_x_times_the_normal_distribution(bool bridge)
        => Check(bridge, [[3, 50]], t => Operators.Activate(t[0], "gelu"), t => t[0] * 0.5 * (1 + (t[0] / Math.Sqrt(2)).erf()));

    [SkippableTheory, MemberData(nameof(Ways))]
    public void Gelu_by_tanh_is_its_published_approximation(bool bridge)
        => Check(bridge, [[3, 50]], t => Operators.Activate(t[0], "gelu_tanh"),
            t => t[0] * 0.5 * (1 + ((t[0] + (t[0].pow(3) * 0.044715)) * Math.Sqrt(2 / Math.PI)).tanh()));

    [SkippableTheory, MemberData(nameof(Ways))]
    public void A_gate_is_the_activation_of_one_half_times_the_other(bool bridge)
        => Check(bridge, [[3, 50]], t => Operators.Activate(t[0], "silu", gated: true), t =>
        {
            var (gate, up) = (t[0].narrow(-1, 0, 25), t[0].narrow(-1, 25, 25));
            return gate / ((-gate).exp() + 1) * up;
        });

    [SkippableTheory]
    [InlineData(true, true), InlineData(true, false), InlineData(false, true), InlineData(false, false)]
    public void Sum_and_norm_are_what_each_is_alone(bool bridge, bool centred)
        => Check(bridge, [[2, 5, 33], [2, 5, 33], [33]], t =>
        {
            var (sum, normed) = Operators.AddNorm(t[0], t[1], (t[2], null), 1e-5, centred);
            return sum + (normed * 2);
        }, t =>
        {
            var sum = t[0] + t[1];
            var u = centred ? sum - sum.mean([-1], keepdim: true) : sum;
            return sum + (u / (u.square().mean([-1], keepdim: true) + 1e-5).sqrt() * t[2] * 2);
        });

    [SkippableTheory]
    [InlineData(true, 8), InlineData(true, 4), InlineData(false, 8), InlineData(false, 4)]
    public void Quantized_linear_multiplies_with_the_weight_as_it_was_rounded(bool bridge, int bits)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        manual_seed(3);
        var (x, weight, bias) = (randn(2, 3, 70), randn(36, 70), randn(36));
        var quantized = QuantizedOperators.Quantize(weight, bits, group: 32);
        var rounded = QuantizedOperators.Dequantize(quantized);
        Assert.True((rounded - weight).abs().max().item<float>() < (bits == 8 ? 0.02 : 0.35));
        var expected = matmul(x.to(ScalarType.Float64), rounded.to(ScalarType.Float64).t()) + bias.to(ScalarType.Float64);
        TensorAssert.Close(expected, QuantizedOperators.Linear(x, quantized, bias), 1e-3);
        TensorAssert.Close(expected.relu(), QuantizedOperators.Linear(x, quantized, bias, "relu"), 1e-3);
        var gated = expected.narrow(-1, 0, 18).relu() * expected.narrow(-1, 18, 18);
        var within = 2e-3 * expected.abs().max().item<double>(); // two factors, each as near as above
        TensorAssert.Close(gated, QuantizedOperators.Linear(x, quantized, bias, "relu", gated: true), within);
    }

    [SkippableTheory, MemberData(nameof(Ways))]
    public void New_heads_stand_in_their_room_after_those_before(bool bridge)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        var (k, v) = (randn(2, 3, 4, 8).requires_grad_(), randn(2, 3, 4, 8));
        var (keys, values) = (randn(2, 4, 9, 8).transpose(1, 2), randn(2, 9, 4, 8)); // (B, capacity, K, D)
        var (before, beside) = (keys.narrow(1, 1, 4).clone(), values.narrow(1, 8, 1).clone());
        var held = Operators.AppendHeads(k, v, (keys, values), start: 1, end: 5);
        TensorAssert.Close(cat([before, k], 1), held.Keys, 0);
        TensorAssert.Close(v, values.narrow(1, 5, 3), 0);
        TensorAssert.Close(beside, values.narrow(1, 8, 1), 0);
        Assert.Equal([2, 7, 4, 8], held.Values.shape);
        Assert.False(held.Keys.requires_grad);
    }

    [SkippableTheory, MemberData(nameof(Ways))]
    public void New_heads_stand_in_the_slots_they_are_given(bool bridge)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        var (k, v, keys, values) = (randn(1, 3, 4, 8), randn(1, 3, 4, 8), zeros(9, 4, 8), zeros(9, 4, 8));
        var slots = tensor([7L, 0, 3]);
        var (all, others) = (keys.index_copy(0, slots, k[0]), values.index_copy(0, slots, v[0]));
        Operators.PlaceHeads(k, v, (keys, values), slots);
        TensorAssert.Close(all, keys, 0);
        TensorAssert.Close(others, values, 0);
    }

    [SkippableTheory]
    [InlineData(true, false, 8), InlineData(true, true, 8), InlineData(true, false, 4), InlineData(true, true, 4)]
    [InlineData(false, false, 8), InlineData(false, true, 8), InlineData(false, false, 4), InlineData(false, true, 4)]
    public void Rotary_turns_each_pair_by_its_angle(bool bridge, bool interleaved, int size)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        var angles = randn(5, size / 2);
        Check(bridge, [[2, 5, 3, 8]], t => Operators.Rotary(t[0], (angles.cos(), angles.sin()), interleaved), t =>
        {
            var wide = angles.to(ScalarType.Float64);
            var columns = Enumerable.Range(0, 8).Select(i =>
            {
                if (i >= size) return t[0].select(-1, i);
                var pair = interleaved ? i / 2 : i % (size / 2);
                var first = interleaved ? i % 2 == 0 : i < size / 2;
                var (a, b) = interleaved ? (2 * pair, (2 * pair) + 1) : (pair, pair + (size / 2));
                var (cos, sin) = (wide.select(-1, pair).cos().unsqueeze(-1), wide.select(-1, pair).sin().unsqueeze(-1)); // (T, 1)
                return first ? (t[0].select(-1, a) * cos) - (t[0].select(-1, b) * sin)
                    : (t[0].select(-1, b) * cos) + (t[0].select(-1, a) * sin);
            });
            return stack(columns.ToArray(), -1);
        });
    }

    [SkippableTheory, MemberData(nameof(Ways))]
    public void Some_heads_turn_in_their_own_memory_and_all_come_apart(bool bridge)
    {
        var angles = randn(5, 4);
        Check(bridge, [[2, 5, 6, 8]], t =>
        {
            var projected = t[0] * 1;
            var turned = Operators.Rotary(projected, (angles.cos(), angles.sin()), heads: 4, reuse: true);
            var (q, k, v) = Operators.SplitHeads(turned.flatten(2), size: 8, 3, 1);
            return (q * 2) + k + v.sum([2], keepdim: true);
        }, t =>
        {
            var wide = angles.to(ScalarType.Float64).unsqueeze(1); // (T, 1, R/2)
            var (a, b, rest) = (t[0].narrow(2, 0, 4).narrow(3, 0, 4), t[0].narrow(2, 0, 4).narrow(3, 4, 4), t[0].narrow(2, 4, 2));
            var turned = cat([(a * wide.cos()) - (b * wide.sin()), (b * wide.cos()) + (a * wide.sin())], -1);
            return (turned.narrow(2, 0, 3) * 2) + turned.narrow(2, 3, 1) + rest.sum([2], keepdim: true);
        });
    }

    [SkippableTheory]
    [InlineData(true, "gelu", false), InlineData(true, "gelu", true), InlineData(true, "silu", true), InlineData(true, "relu", false)]
    [InlineData(false, "gelu", false), InlineData(false, "gelu", true), InlineData(false, "silu", true), InlineData(false, "relu", false)]
    public void A_function_of_a_projection_is_that_of_its_result(bool bridge, string name, bool gated)
        => Check(bridge, [[2, 3, 7], [6, 7], [6]], t => Operators.LinearActivation(t[0], (t[1], t[2]), name, gated), t =>
        {
            var y = matmul(t[0], t[1].t()) + t[2];
            var v = gated ? y.narrow(-1, 0, 3) : y;
            v = name switch
            {
                "gelu" => v * ((v / Math.Sqrt(2)).erf() + 1) / 2,
                "silu" => v / ((-v).exp() + 1),
                _ => v.clamp_min(0),
            };
            return gated ? v * y.narrow(-1, 3, 3) : v;
        });

    [SkippableTheory]
    [InlineData(true, 0, 0, 0), InlineData(true, 0.1, 0, 0), InlineData(true, 0, 1e-2, 0), InlineData(true, 0.2, 1e-2, 3)]
    [InlineData(false, 0, 0, 0), InlineData(false, 0.1, 0, 0), InlineData(false, 0, 1e-2, 0), InlineData(false, 0.2, 1e-2, 3)]
    public void Linear_cross_entropy_sums_over_the_targets_that_count(bool bridge, double smoothing, double zLoss, double cap)
    {
        using var scope = NewDisposeScope();
        var targets = tensor(new long[] { 3, -100, 0, 10, 7, -100 });
        var options = new CrossEntropyOptions { LabelSmoothing = smoothing, ZLoss = zLoss, SoftCap = cap };
        Check(bridge, [[6, 12], [11, 12], [11]], t => Operators.LinearCrossEntropy(t[0], t[1], t[2], targets, options), t =>
        {
            var logits = matmul(t[0], t[1].t()) + t[2];
            if (cap > 0) logits = (logits / cap).tanh() * cap;
            var counted = targets.ne(-100);
            var log = logits.log_softmax(-1);
            var likelihood = log.gather(1, targets.clamp_min(0).unsqueeze(1)).squeeze(1);
            var each = (likelihood * -(1 - smoothing)) - (log.mean([-1]) * smoothing) + (logits.exp().sum(-1).log().square() * zLoss);
            return (each * counted.to(ScalarType.Float64)).sum();
        });
    }

    [SkippableTheory, MemberData(nameof(Ways))]
    public void AdamW_with_clipping_is_its_published_arithmetic(bool bridge)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        long[][] shapes = [[5, 7], [3], []];
        Tensor[] parameters = [.. shapes.Select(s => randn(s))], means = [.. shapes.Select(s => zeros(s))],
            squares = [.. shapes.Select(s => zeros(s))];
        Tensor[] expected = [.. parameters.Select(p => p.to(ScalarType.Float64))], m = [.. expected.Select(p => torch.zeros_like(p))],
            v = [.. expected.Select(p => torch.zeros_like(p))];
        var o = new AdamWOptions { LearningRate = 0.1, Beta1 = 0.8, Beta2 = 0.95, Epsilon = 1e-6, WeightDecay = 0.3 };
        for (var step = 1; step <= 4; step++)
        {
            Tensor[] gradients = [.. shapes.Select(s => randn(s))];
            OptimizerOperators.AdamW(new(parameters, gradients) { GradientScale = tensor(0.5f) }, means, squares, o, step);
            for (var i = 0; i < shapes.Length; i++)
            {
                var g = gradients[i].to(ScalarType.Float64) * 0.5;
                (m[i], v[i]) = ((m[i] * o.Beta1) + (g * (1 - o.Beta1)), (v[i] * o.Beta2) + (g.square() * (1 - o.Beta2)));
                var (mean, square) = (m[i] / (1 - Math.Pow(o.Beta1, step)), v[i] / (1 - Math.Pow(o.Beta2, step)));
                var decayed = expected[i] * (1 - (o.LearningRate * o.WeightDecay));
                expected[i] = decayed - (mean / (square.sqrt() + o.Epsilon) * o.LearningRate);
            }
        }
        for (var i = 0; i < shapes.Length; i++) TensorAssert.Close(expected[i], parameters[i], Within);
    }

    [SkippableTheory, MemberData(nameof(Ways))]
    public void AdamW_at_the_usual_betas_is_exact_to_float32(bool bridge)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        Tensor[] parameter = [zeros(3)], gradient = [full([3], 0.5f)], mean = [zeros(3)], square = [zeros(3)];
        OptimizerOperators.AdamW(new(parameter, gradient), mean, square, new AdamWOptions { WeightDecay = 0 }, step: 1);
        TensorAssert.Near(0.05, mean[0][1].item<float>(), 2e-7, "mean");
        TensorAssert.Near(0.00025, square[0][1].item<float>(), 2e-7, "mean square"); // 1 - 0.999, were it taken in float32, is off by 1e-5
        TensorAssert.Near(-0.001, parameter[0][1].item<float>(), 2e-7, "step");
    }

    [SkippableTheory, MemberData(nameof(Ways))]
    public void Grad_norm_is_the_root_of_all_squares(bool bridge)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        var norm = OptimizerOperators.GradNorm([full([1], 3f), full([1, 1], 4f), full([1], 12f).to(ScalarType.BFloat16)]);
        Assert.Equal((13f, ScalarType.Float32, 0L), (norm.item<float>(), norm.dtype, norm.dim()));
    }

    private static void Check(bool bridge, long[][] shapes, Func<Tensor[], Tensor> actual, Func<Tensor[], Tensor> formula)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        manual_seed(3);
        Tensor[] inputs = [.. shapes.Select(s => randn(s).requires_grad_())];
        Tensor[] wide = [.. inputs.Select(t => t.detach().to(ScalarType.Float64).requires_grad_())];
        var (result, expected) = (actual(inputs), formula(wide));
        TensorAssert.Close(expected, result, Within * Math.Max(1, expected.abs().max().item<double>()));
        var direction = randn(result.shape);
        (result * direction).sum().backward();
        (expected * direction).sum().backward();
        for (var i = 0; i < inputs.Length; i++) TensorAssert.Close(wide[i].grad!, inputs[i].grad!, 5 * Within);
    }
}
