using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>How large a <see cref="LowRankUpdate"/> is, and how much it counts.</summary>
/// <param name="Rank">r, features between its two projections</param>
/// <param name="Scale">multiplies what it gives</param>
/// <param name="Dropout">on what it reads, in training</param>
public sealed record LowRankOptions(int Rank, double Scale, double Dropout = 0);

/// <summary>
/// What is learned beside a projection's frozen weight (Hu et al., 2021, "LoRA"): <c>scale B (A x)</c> is added to some of its features.
/// Its weights are float32 whatever the projection's are.
/// </summary>
public sealed class LowRankUpdate : nn.Module<Tensor, Tensor>, IDropping
{
    private readonly LowRankOptions _options;
    [ComponentName(Name = "lora_A")] private readonly Parameter _down;
    [ComponentName(Name = "lora_B")] private readonly Parameter _up;

    /// <summary>An update that changes nothing yet.</summary>
    /// <param name="inputs">features that the projection reads</param>
    /// <param name="first">the first of the features it gives that are updated</param>
    /// <param name="count">how many those are</param>
    /// <param name="options">rank, scale, dropout</param>
    public LowRankUpdate(long inputs, long first, long count, LowRankOptions options) : base(nameof(LowRankUpdate))
    {
        (_options, First, Count) = (options, first, count);
        _down = Weights.Empty(options.Rank, inputs);
        _up = Weights.Empty(count, options.Rank);
        RegisterComponents();
        Reset();
    }

    /// <summary>The first of the projection's features that it updates.</summary>
    public long First { get; }

    /// <summary>How many it updates.</summary>
    public long Count { get; }

    /// <summary>A: (r, in)</summary>
    public Tensor Down => _down;

    /// <summary>B: (count, r)</summary>
    public Tensor Up => _up;

    /// <summary>What it adds to the rows of the projection's weight: (count, in), differentiable.</summary>
    public Tensor Product() => matmul(_up, _down) * _options.Scale;

    /// <summary>First values, as the reference's: A uniform within 1/sqrt(in), B zero.</summary>
    public void Reset()
    {
        using var _ = no_grad();
        var bound = 1 / Math.Sqrt(_down.shape[1]);
        _down.uniform_(-bound, bound);
        _up.zero_();
    }

    bool IDropping.Drops => _options.Dropout > 0;

    /// <summary>(..., in) to (..., count), float32 unless autocast is on.</summary>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var read = Dropout.Apply(input.to(_down.dtype), _options.Dropout, training);
        var features = Operators.Linear(read, _down, bias: null); // (..., r)
        return (Operators.Linear(features, _up, bias: null) * _options.Scale).MoveToOuterDisposeScope();
    }
}
