using System.Text.Json.Nodes;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using TransformerTorch.Tests.Support;
using TransformerTorch.Training.Optimization;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Training.Optimization;

/// <summary>Truth: fixtures/optimizers/make.py, which runs PyTorch, Transformers and the Lion paper's algorithm.</summary>
public sealed class OptimizerTests
{
    private static readonly JsonNode _reference = Read("optimizers.json");

    public static IEnumerable<object[]> Cases =>
        from index in Enumerable.Range(0, _reference["cases"]!.AsArray().Count)
        from way in Enumerable.Range(0, 2)
        select new object[] { index, way == 0 };

    [Fact]
    public void An_average_of_bfloat16_weights_stays_float32_when_it_has_taken_their_place()
    {
        using var scope = NewDisposeScope();
        using var weight = full([2], 1f).to(ScalarType.BFloat16);
        using var average = new WeightAverage([("w", weight)], decay: 0.999);
        using (no_grad()) weight.mul_(1.5);
        average.Update();
        using (average.Applied()) TensorAssert.Close(ones(2), weight.to(ScalarType.Float32), 1e-6);   // as bfloat16 has it

        TensorAssert.Close(full([2], 1.0005f), average.State[0].Tensor(), 1e-6);
        TensorAssert.Close(full([2], 1.5f), weight.to(ScalarType.Float32), 0);
    }

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Five_steps_end_where_the_reference_ends(int index, bool bridge)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        var reference = _reference["cases"]![index]!;
        var (rule, rate, decay) = Rule((string)reference["kind"]!, reference["options"]!.AsObject());
        var parameters = Start();

        using var optimizer = new Optimizer([new(decay, Named(parameters))], rule);
        foreach (var gradients in Gradients())
        {
            Give(parameters, gradients);
            optimizer.Update(rate, null);
        }

        foreach (var (expected, actual) in Tensors(reference["final"]!).Zip(parameters)) TensorAssert.Close(expected, actual, 2e-6);
        Assert.All(parameters, p => Assert.Null(p.grad));
    }

    [SkippableTheory, MemberData(nameof(Cases))]
    public void Parameters_in_bfloat16_take_the_steps_of_float32_ones_and_are_those_rounded(int index, bool bridge)
    {
        using var way = new Way(AttentionKernelKind.Math, bridge);
        using var scope = NewDisposeScope();
        var reference = _reference["cases"]![index]!;
        var (rule, rate, decay) = Rule((string)reference["kind"]!, reference["options"]!.AsObject());
        Tensor[] halves = [.. Start().Select(p => p.detach().to(ScalarType.BFloat16).requires_grad_())];
        Tensor[] full = [.. halves.Select(p => p.detach().to(ScalarType.Float32).requires_grad_())];
        using Optimizer pure = new([new(decay, Named(halves))], rule), plain = new([new(decay, Named(full))], rule);

        foreach (var gradients in Gradients())
        {
            Tensor[] rounded = [.. gradients.Select(g => g.to(ScalarType.BFloat16))];
            Give(halves, rounded);
            Give(full, [.. rounded.Select(g => g.to(ScalarType.Float32))]);
            pure.Update(rate, tensor(0.5f));
            plain.Update(rate, tensor(0.5f));
        }

        var kept = pure.State.Where(s => s.Name.EndsWith(".halves", StringComparison.Ordinal)).Select(s => s.Tensor()).ToList();
        foreach (var ((low, high), expected) in kept.Zip(halves).Zip(full))
        {
            Assert.Equal(ScalarType.Int16, low.dtype);
            TensorAssert.Close(expected, MasterWeights.Join(high, low), 2e-6);
            TensorAssert.Close(MasterWeights.Join(high, low).to(ScalarType.BFloat16), high, 0);
        }
    }

    [Fact]
    public void Adamw_with_bfloat16_parameters_takes_fourteen_bytes_a_parameter_gradients_included()
    {
        using var parameter = zeros([64, 32], ScalarType.BFloat16, requires_grad: true);
        using var optimizer = new Optimizer([new(0, [("p", parameter)])], new AdamW());

        var state = optimizer.State.Sum(s => s.Tensor().numel() * s.Tensor().element_size());

        Assert.Equal(14, 2 + 2 + state / (double)parameter.numel()); // weight, gradient, and what the optimizer keeps
    }

    [Fact]
    public void Splitting_and_joining_keeps_every_bit_of_a_float()
    {
        using var scope = NewDisposeScope();
        var values = cat([randn(10_000) * pow(2.0, randint(-100, 100, [10_000])).to(ScalarType.Float32), tensor(new float[]
        {
            0, -0f, float.Epsilon, 1, float.BitIncrement(1), float.BitDecrement(1), 3.3895314e38f, float.PositiveInfinity,
        })]);
        var (upper, low) = (empty(values.shape, ScalarType.BFloat16), empty(values.shape, ScalarType.Int16));

        MasterWeights.Split(values, upper, low);

        Assert.Equal(values.bytes.ToArray(), MasterWeights.Join(upper, low).bytes.ToArray());
        var (nearest, exact) = (upper.to(ScalarType.Float32).narrow(0, 0, 10_000), values.narrow(0, 0, 10_000));
        Assert.True(((nearest - exact).abs() <= exact.abs() / 256).all().item<bool>(), "bfloat16 has 8 bits");
    }

    [Fact]
    public void Values_are_clipped_and_a_skipped_step_is_none()
    {
        using var scope = NewDisposeScope();
        var parameter = ones(3).requires_grad_();
        using var optimizer = new Optimizer([new(0, [("p", parameter)])], new Sgd());
        Give([parameter], [tensor(new float[] { -5, 0.25f, 5 })]);

        optimizer.ClipGradientValues(1);

        Assert.Equal([-1, 0.25f, 1], parameter.grad!.data<float>().ToArray());
        optimizer.DropGradients();
        Assert.Equal((0, true), (optimizer.Steps, parameter.grad is null));
    }

    private static (UpdateRule Rule, double Rate, double Decay) Rule(string kind, JsonObject o)
    {
        double Number(string name, double other) => o[name] is { } value ? (double)value : other;
        var betas = o["betas"]?.AsArray().Select(b => (double)b!).ToArray();
        var (rate, decay) = (Number("lr", 0), Number("weight_decay", 0));
        return kind switch
        {
            "adamw" => (new AdamW { Options = new() { Beta1 = betas![0], Beta2 = betas[1] } }, rate, decay),
            "lion" => (new Lion { Options = new() { Beta1 = betas![0], Beta2 = betas[1] } }, rate, decay),
            "sgd" => (new Sgd
            {
                Options = new()
                {
                    Momentum = Number("momentum", 0), Dampening = Number("dampening", 0), Nesterov = (bool?)o["nesterov"] ?? false,
                },
            }, rate, decay),
            _ => (new Adafactor
            {
                Options = new()
                {
                    ScaleParameter = (bool)o["scale_parameter"]!, RelativeStep = (bool)o["relative_step"]!,
                    WarmupInit = (bool?)o["warmup_init"] ?? false, ClipThreshold = Number("clip_threshold", 1),
                    DecayRate = Number("decay_rate", -0.8),
                },
            }, rate, decay),
        };
    }

    private static Tensor[] Start() => [.. Tensors(_reference["start"]!).Select(p => p.requires_grad_())];

    private static IEnumerable<Tensor[]> Gradients() => _reference["gradients"]!.AsArray().Select(step => Tensors(step!));

    private static Tensor[] Tensors(JsonNode flat) =>
        [.. flat.AsArray().Zip(_reference["shapes"]!.AsArray(), (values, shape) => tensor(
            values!.AsArray().Select(v => (float)v!).ToArray(), shape!.AsArray().Select(n => (long)n!).ToArray()))];

    private static (string, Tensor)[] Named(Tensor[] parameters) => [.. parameters.Select((p, i) => ($"p{i}", p))];

    private static void Give(Tensor[] parameters, Tensor[] gradients)
    {
        foreach (var (parameter, gradient) in parameters.Zip(gradients)) parameter.grad = gradient;
    }

    internal static JsonNode Read(string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(Fixtures.Root, "optimizers", file)))!;
}
