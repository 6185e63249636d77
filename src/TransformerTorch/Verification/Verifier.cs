using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Verification;

/// <summary>
/// Holds a model against a <see cref="ReferenceCase"/>. All that the case holds is to be produced: outputs within 1e-4 where the mask
/// keeps a position, losses within 1e-5 and gradient norms within 1e-4 of their size, generated ids exactly.
/// </summary>
public sealed class Verifier(PretrainedModel model, ReferenceCase reference)
{
    private const double OutputLimit = 1e-4, LossLimit = 1e-5, GradientLimit = 1e-4;

    // Below the greater of these, the second a share of the whole gradient, a norm is rounding: that of a bias on keys is zero in exact
    // arithmetic.
    private const double GradientFloor = 1e-6, GradientFloorShare = 1e-7;

    // The last bit of a float32, in which weights are changed at random: how often to measure rounding, and how often to meet each of the
    // paths that it chooses between.
    private const double LastBit = 6e-8;
    private const int Shakes = 3, Paths = 32;

    private readonly Device _device = model.Backbone.TokenWeight.device;

    /// <summary>
    /// All findings: outputs, loss, gradients, the losses of ten steps of AdamW, generations. Afterwards the model has taken such steps.
    /// </summary>
    public IEnumerable<Finding> Run() => Outputs().Concat(Generations()).Concat(Gradients()).Concat(AdamW());

    /// <summary>Logits, hidden states and whatever else <c>out.*</c> names.</summary>
    public List<Finding> Outputs()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (produced, counts, kept) = (new Dictionary<string, Tensor>(), new Dictionary<string, int>(), new List<Tensor>());
        var inputs = reference.Inputs(_device);
        var mask = inputs.Mask?.view(-1, inputs.Mask.shape[^1]); // choices are rows of their own
        var attentions = reference.Names("out.").Any(n => n.Contains("attentions", StringComparison.Ordinal));
        foreach (var (name, tensor) in model.call(inputs with { Trace = Keep, TraceAttention = attentions })) produced[name] = tensor;
        try
        {
            return [.. reference.Names("out.").Select(name => produced.TryGetValue(name, out var found)
                ? Compare(name, reference[$"out.{name}"].to(_device), found, mask) : Finding.Missing(name, "not produced"))];
        }
        finally
        {
            kept.ForEach(t => t.Dispose());
        }

        // Detached: layers trace from inside scopes of their own.
        void Keep(string name, Tensor tensor)
        {
            var index = counts[name] = counts.GetValueOrDefault(name, -1) + 1;
            kept.Add(produced[$"{name}.{index}"] = produced[name] = tensor.alias().DetachFromDisposeScope());
        }
    }

    /// <summary>The loss and the norm of its gradient by every parameter.</summary>
    public List<Finding> Gradients()
    {
        if (reference.Gradients is not { } expected) return [];
        using var scope = NewDisposeScope();
        model.zero_grad();
        var loss = Loss(model);
        loss.backward();
        var findings = new List<Finding> { Relative("loss", (double)expected["loss"]!, loss.item<float>(), LossLimit) };
        var names = model.Names;
        var published = WeightLoader.Published(model, names, p => p.grad ?? zeros_like(p, requires_grad: false))
            .Concat(WeightLoader.Whole(model, names, p => p.grad ?? zeros_like(p, requires_grad: false)))
            .ToDictionary(p => p.Name, p => p.Tensor);
        var norms = expected["grad_norms"]!.AsObject();
        var floor = Math.Max(GradientFloor, GradientFloorShare * Math.Sqrt(norms.Sum(n => Math.Pow((double)n.Value!, 2))));
        foreach (var (name, norm) in norms)
        {
            var what = $"gradient of {name}";
            findings.Add(names.Spellings(name).FirstOrDefault(published.ContainsKey) is { } ours
                ? Relative(what, (double)norm!, published[ours]().norm().item<float>(), GradientLimit, floor)
                : Finding.Missing(what, "no such parameter"));
        }
        model.zero_grad();
        return findings;
    }

    /// <summary>
    /// The loss before each of ten steps on one batch: gradients clipped to a norm of 1, AdamW at 1e-3 with decay 0.01 on everything.
    /// AdamW gives a gradient that is nothing but rounding a step like any other, so some models leave the reference's path by rounding
    /// alone. How far is measured: the limit is 1e-5, or from where rounding has moved a loss by more than half of that, twice as much as
    /// it has. Rounding is all that is between these steps and the same in float64, or from weights that differ in their last bit. Where
    /// it parts paths (a unit that is on or off), the reference has to have gone one that last bits lead to, whole and within that limit.
    /// </summary>
    public List<Finding> AdamW()
    {
        if (reference.Gradients?["adamw_losses"]?.AsArray() is not { } expected) return [];
        using var scope = NewDisposeScope();
        Tensor[] parameters = [.. Learned(model)];
        var start = Array.ConvertAll(parameters, p => p.detach().clone());
        var exact = ExactLosses(expected.Count);
        var own = Shaken(seed: 0);
        double[][] shaken = [.. Enumerable.Range(1, Shakes).Select(Shaken)];
        var limits = Limits(own, [.. shaken, exact]);
        var others = Enumerable.Range(Shakes + 1, Paths - Shakes).Select(Shaken);
        return shaken.Prepend(own).Concat(others).Select(Against).FirstOrDefault(path => path.All(f => f.Ok)) ?? Against(own);

        List<Finding> Against(double[] path) => [.. expected.Select((loss, step)
            => Relative($"loss before AdamW step {step + 1}", (double)loss!, path[step], limits[step]))];

        double[] Shaken(int seed)
        {
            using var no = no_grad();
            using var each = NewDisposeScope();
            using var random = new Generator((ulong)seed, _device);
            foreach (var (parameter, first) in parameters.Zip(start))
                parameter.copy_(seed == 0 ? first : first * (1 + (LastBit * empty_like(first).normal_(generator: random).sign())));
            return Steps(model, expected.Count);
        }
    }

    /// <summary>What each loss may differ by: what rounding has moved it or one before it by, twice.</summary>
    private static double[] Limits(double[] losses, double[][] moved)
    {
        var (limits, limit) = (new double[losses.Length], LossLimit);
        for (var step = 0; step < losses.Length; step++)
            limits[step] = limit = Math.Max(limit, moved.Max(m => 2 * Math.Abs(m[step] - losses[step]) / Math.Abs(losses[step])));
        return limits;
    }

    /// <summary>The losses before so many of the same steps, from the model's own weights, in float64 throughout.</summary>
    public double[] ExactLosses(int count)
    {
        using var scope = NewDisposeScope();
        using var exact = ModelFolder.Load(reference.Folder, new LoadOptions { Type = ScalarType.Float64, Device = _device });
        using (no_grad())
        {
            foreach (var (copy, own) in exact.parameters().Zip(model.parameters()))
            {
                copy.copy_(own);
                copy.requires_grad = own.requires_grad;
            }
        }
        return Steps(exact, count);
    }

    private double[] Steps(PretrainedModel of, int count)
    {
        using var on = enable_grad();
        using var scope = NewDisposeScope();
        Tensor[] parameters = [.. Learned(of)];
        var (means, squares) = (Array.ConvertAll(parameters, Zeros), Array.ConvertAll(parameters, Zeros));
        var options = new AdamWOptions { LearningRate = 1e-3, WeightDecay = 0.01 };
        var losses = new double[count];
        for (var step = 1; step <= count; step++)
        {
            using var each = NewDisposeScope();
            of.zero_grad();
            var loss = Loss(of);
            losses[step - 1] = loss.to(ScalarType.Float64).item<double>();
            loss.backward();
            var gradients = Array.ConvertAll(parameters, p => p.grad ?? Zeros(p));
            var clip = (1 / (OptimizerOperators.GradNorm(gradients) + 1e-6)).clamp_max(1);
            OptimizerOperators.AdamW(new(parameters, gradients) { GradientScale = clip }, means, squares, options, step);
        }
        of.zero_grad();
        return losses;

        static Tensor Zeros(Tensor like) => zeros_like(like, requires_grad: false);
    }

    private static IEnumerable<Tensor> Learned(PretrainedModel model) => model.parameters().Where(p => p.requires_grad);

    /// <summary>The ids of each generation.</summary>
    public List<Finding> Generations() => [.. GenerationCheck.Run(model, reference)];

    private Tensor Loss(PretrainedModel of) => LossTerm.Total(of.Loss(reference.Inputs(_device), reference.Labels(_device)));

    private static Finding Compare(string name, Tensor expected, Tensor actual, Tensor? mask)
    {
        if (!expected.shape.SequenceEqual(actual.shape))
            return Finding.Missing(name, $"is {Dims.Describe(actual.shape)}, the reference has {Dims.Describe(expected.shape)}");
        var difference = (expected.to(ScalarType.Float64) - actual.to(ScalarType.Float64)).abs();
        if (mask is not null && expected.shape.Take(2).SequenceEqual(mask.shape))
            difference = difference * mask.view([.. mask.shape, .. Enumerable.Repeat(1L, (int)expected.dim() - 2)]).to(ScalarType.Float64);
        return new Finding(name, difference.max().item<double>(), OutputLimit);
    }

    private static Finding Relative(string name, double expected, double actual, double limit, double floor = 0)
    {
        var difference = Math.Abs(actual - expected);
        return new Finding(name, difference <= floor ? 0 : difference / Math.Abs(expected), limit);
    }
}
