using TransformerTorch.Checkpoints;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Optimization;

/// <summary>
/// Updates parameters by a rule, one call for each group of them. Parameters in bfloat16 are updated in float32: the lower halves of their
/// values are kept here (<see cref="MasterWeights"/>), so that with AdamW a parameter takes 14 bytes, its gradient included.
/// </summary>
public sealed class Optimizer : IDisposable
{
    private const string Halves = "halves";
    private readonly UpdateRule _rule;
    private readonly Group[] _groups;

    /// <summary>Starts with a state of zeros.</summary>
    public Optimizer(IReadOnlyList<ParameterGroup> groups, UpdateRule rule)
    {
        _rule = rule;
        _groups = [.. groups.Select(group => new Group(group, [.. group.Parameters.Select(p => New(p.Name, p.Parameter))]))];
    }

    /// <summary>Steps taken; those skipped for gradients that overflowed are none.</summary>
    public int Steps { get; private set; }

    /// <summary>All parameters that it updates.</summary>
    public IEnumerable<(string Name, Tensor Parameter)> Parameters => Slots.Select(slot => (slot.Name, slot.Parameter));

    /// <summary>The state, by name: what a checkpoint holds beside <see cref="Steps"/>.</summary>
    public IReadOnlyList<(string Name, Func<Tensor> Tensor)> State =>
        [.. Slots.SelectMany(slot => slot.Named).Select(state => (state.Name, (Func<Tensor>)(() => state.Tensor.alias())))];

    private IEnumerable<Slot> Slots => _groups.SelectMany(group => group.Slots);

    /// <summary>The 2-norm of all gradients together, a float32 scalar on the device.</summary>
    public Tensor GradientNorm()
    {
        using var scope = NewDisposeScope();
        return OptimizerOperators.GradNorm([.. Gradients()]).MoveToOuterDisposeScope();
    }

    /// <summary>Clips every element of every gradient to [-limit, limit].</summary>
    public void ClipGradientValues(double limit)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var gradient in Gradients()) gradient.clamp_(-limit, limit);
    }

    /// <summary>Updates the parameters from their gradients, and drops these.</summary>
    /// <param name="learningRate">Of this step; groups may take a multiple of it.</param>
    /// <param name="gradientScale">A device scalar that multiplies each gradient first (clipping, loss scaling), or none.</param>
    public void Update(double learningRate, Tensor? gradientScale)
    {
        using var scope = NewDisposeScope();
        Steps++;
        foreach (var (group, slots) in _groups)
        {
            var used = slots.Select(slot => (Slot: slot, Gradient: slot.Parameter.grad)).Where(pair => pair.Gradient is not null).ToArray();
            foreach (var part in used.GroupBy(pair => pair.Slot.Halves is null))
            {
                var set = new ParameterSet([.. part.Select(pair => pair.Slot.Parameter)], [.. part.Select(pair => pair.Gradient!)])
                {
                    Halves = [.. part.Select(pair => pair.Slot.Halves).OfType<Tensor>()], GradientScale = gradientScale,
                };
                _rule.Update(set, [.. part.Select(pair => pair.Slot.State)],
                    new(learningRate * group.Rate, group.WeightDecay, Steps));
            }
        }
        DropGradients();
    }

    /// <summary>Drops the gradients; without an update before it, the step is skipped.</summary>
    public void DropGradients()
    {
        foreach (var slot in Slots) slot.Parameter.grad = null;
    }

    /// <summary>Puts a state back.</summary>
    /// <exception cref="CheckpointException">It is that of another optimizer, or of other parameters.</exception>
    public void Load(TensorFile state, int steps)
    {
        using var _ = no_grad();
        var names = State.Select(one => one.Name).ToHashSet();
        var other = names.Except(state.Tensors.Keys).Select(name => $"{name} is missing")
            .Concat(state.Tensors.Keys.Except(names).Select(name => $"{name} is not known")).FirstOrDefault();
        if (other is not null)
            throw new CheckpointException(
                $"the checkpoint is of a run with another optimizer, precision or set of trained parameters ({other}). Resume as its " +
                "run.yaml says (optim, pure_bf16, frozen_parameters), or begin anew from its weights: init_from.");
        foreach (var (name, get) in State)
        {
            using var scope = NewDisposeScope();
            var (mine, saved) = (get(), state.Read(name));
            if (!mine.shape.SequenceEqual(saved.shape))
                throw new CheckpointException(
                $"optimizer state {name} is {Dims.Describe(saved.shape)}, the model needs {Dims.Describe(mine.shape)}");
            mine.copy_(saved);
        }
        Steps = steps;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, tensor) in Slots.SelectMany(slot => slot.Named)) tensor.Dispose();
    }

    private IEnumerable<Tensor> Gradients() => Slots.Select(slot => slot.Parameter.grad).OfType<Tensor>();

    private Slot New(string name, Tensor parameter)
    {
        var master = parameter.dtype == ScalarType.BFloat16;
        return new(name, parameter, master ? Zeros(parameter.shape, ScalarType.Int16) : null, _rule.State(parameter).Names,
            Array.ConvertAll(_rule.State(parameter).Shapes, shape => Zeros(shape, ScalarType.Float32)));

        Tensor Zeros(long[] shape, ScalarType type) => zeros(shape, type, parameter.device).DetachFromDisposeScope();
    }

    private sealed record Group(ParameterGroup Options, Slot[] Slots);

    private sealed record Slot(string Name, Tensor Parameter, Tensor? Halves, string[] Names, Tensor[] State)
    {
        public IEnumerable<(string Name, Tensor Tensor)> Named =>
            Names.Zip(State, (state, tensor) => ($"{Name}.{state}", tensor))
                .Concat(Halves is null ? [] : [($"{Name}.{Optimizer.Halves}", Halves)]);
    }
}
