using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>Which normalisation.</summary>
public enum NormKind
{
    /// <summary>Mean and variance (Ba et al., 2016).</summary>
    Layer,

    /// <summary>Root mean square only (Zhang and Sennrich, 2019).</summary>
    Rms,
}

/// <summary>What a <see cref="Norm"/> is.</summary>
public sealed record NormOptions
{
    /// <summary>Which normalisation.</summary>
    public NormKind Kind { get; init; } = NormKind.Layer;

    /// <summary>Added to the variance.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>Whether it has a weight and, a layer norm, a bias; else it only normalises.</summary>
    public bool Affine { get; init; } = true;

    /// <summary>Whether a layer norm has a bias.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Whether the weight is stored as its difference from one.</summary>
    public bool UnitOffset { get; init; }
}

/// <summary>Normalisation over the last dimension.</summary>
public sealed class Norm : nn.Module<Tensor, Tensor>
{
    private readonly NormOptions _options;
    [ComponentName(Name = "weight")] private readonly Parameter? _weight;
    [ComponentName(Name = "bias")] private readonly Parameter? _bias;

    /// <summary>A norm over <paramref name="width"/> features.</summary>
    public Norm(long width, NormOptions options) : base(nameof(Norm))
    {
        _options = options;
        _weight = options.Affine ? Weights.Empty(width) : null;
        _bias = options is { Affine: true, Kind: NormKind.Layer, Bias: true } ? Weights.Empty(width) : null;
        RegisterComponents();
    }

    /// <summary>(C), or none.</summary>
    public Tensor? Weight => _weight;

    /// <summary>(C), or none.</summary>
    public Tensor? Bias => _bias;

    /// <summary>Makes it one that only normalises.</summary>
    public void Reset()
    {
        _weight?.fill_(_options.UnitOffset ? 0 : 1);
        _bias?.zero_();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var result = _options.Kind == NormKind.Layer
            ? Operators.LayerNorm(input, Factor, _bias, _options.Epsilon)
            : Operators.RmsNorm(input, Factor, _options.Epsilon);
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>The sum of two, and its norm.</summary>
    public (Tensor Sum, Tensor Normed) Add(Tensor input, Tensor added)
    {
        using var scope = NewDisposeScope();
        var (sum, normed) = Operators.AddNorm(input, added, (Factor, _bias), _options.Epsilon, _options.Kind == NormKind.Layer);
        return (sum.MoveToOuterDisposeScope(), normed.MoveToOuterDisposeScope());
    }

    private Tensor? Factor => _options.UnitOffset && _weight is not null ? _weight + 1 : _weight;
}
