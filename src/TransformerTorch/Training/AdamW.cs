using TransformerTorch.Checkpoints;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>What updates the parameters. Its state is tensors by name and the number of steps taken.</summary>
public interface IOptimizer : IDisposable
{
    /// <summary>Steps taken.</summary>
    int Steps { get; }

    /// <summary>The 2-norm of all gradients together, a float32 scalar on the device.</summary>
    Tensor GradientNorm();

    /// <summary>Updates the parameters from their gradients, and drops these.</summary>
    /// <param name="learningRate">Of this step.</param>
    /// <param name="gradientScale">A device scalar that multiplies each gradient first (clipping), or none.</param>
    void Update(double learningRate, Tensor? gradientScale);

    /// <summary>The state, by name.</summary>
    IReadOnlyList<(string Name, Func<Tensor> Tensor)> State { get; }

    /// <summary>Puts a state back.</summary>
    /// <exception cref="CheckpointException">Tensors are missing or of another shape.</exception>
    void Load(TensorFile state, int steps);
}

/// <summary>AdamW (Loshchilov and Hutter, 2017): one call for each parameter group.</summary>
public sealed class AdamW : IOptimizer
{
    private readonly AdamWOptions _options;
    private readonly Group[] _groups;

    /// <summary>Starts with moments of zero.</summary>
    public AdamW(IReadOnlyList<ParameterGroup> groups, AdamWOptions options)
    {
        _options = options;
        _groups = [.. groups.Select(g => new Group(g))];
    }

    /// <inheritdoc/>
    public int Steps { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<(string Name, Func<Tensor> Tensor)> State =>
    [
        .. from slot in _groups.SelectMany(g => g.Slots)
           from state in new[] { (slot.Name + ".exp_avg", slot.Mean), (slot.Name + ".exp_avg_sq", slot.Square) }
           select (state.Item1, (Func<Tensor>)(() => state.Item2.alias())),
    ];

    /// <inheritdoc/>
    public Tensor GradientNorm()
    {
        using var scope = NewDisposeScope();
        return OptimizerOperators.GradNorm([.. _groups.SelectMany(g => g.Slots).Select(s => s.Parameter.grad).OfType<Tensor>()])
            .MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Update(double learningRate, Tensor? gradientScale)
    {
        using var scope = NewDisposeScope();
        Steps++;
        foreach (var group in _groups)
        {
            var used = group.Slots.Select(slot => (slot, gradient: slot.Parameter.grad)).Where(pair => pair.gradient is not null).ToArray();
            if (used.Length == 0) continue;
            var tensors = new AdamWGroup(Array.ConvertAll(used, u => u.slot.Parameter), Array.ConvertAll(used, u => u.gradient!),
                Array.ConvertAll(used, u => u.slot.Mean), Array.ConvertAll(used, u => u.slot.Square));
            OptimizerOperators.AdamW(tensors, _options with { LearningRate = learningRate, WeightDecay = group.WeightDecay }, Steps,
                gradientScale);
            foreach (var (slot, _) in used) slot.Parameter.grad = null;
        }
    }

    /// <inheritdoc/>
    public void Load(TensorFile state, int steps)
    {
        using var _ = no_grad();
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
        foreach (var slot in _groups.SelectMany(g => g.Slots))
        {
            slot.Mean.Dispose();
            slot.Square.Dispose();
        }
    }

    private sealed record Slot(string Name, Tensor Parameter, Tensor Mean, Tensor Square);

    private sealed class Group(ParameterGroup group)
    {
        public double WeightDecay { get; } = group.WeightDecay;

        public Slot[] Slots { get; } = [.. group.Parameters.Select(p => new Slot(p.Name, p.Parameter,
            zeros_like(p.Parameter).DetachFromDisposeScope(), zeros_like(p.Parameter).DetachFromDisposeScope()))];
    }
}
