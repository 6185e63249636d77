using TorchSharp.Utils;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>A tensor that is not learned. It has a usual value, which it takes where a checkpoint leaves it out.</summary>
public sealed class Constant : nn.Module
{
    private readonly Func<Tensor> _usual;
    [ComponentName(Name = "weight")] private readonly Parameter _weight;

    /// <summary>A constant of a shape.</summary>
    /// <param name="usual">makes its usual value</param>
    /// <param name="shape">the value's shape</param>
    public Constant(Func<Tensor> usual, params long[] shape) : base(nameof(Constant))
    {
        (_usual, _weight) = (usual, Weights.Empty(shape));
        _weight.requires_grad_(false);
        RegisterComponents();
    }

    /// <summary>Its value.</summary>
    public Tensor Weight => _weight;

    /// <summary>Gives it its usual value.</summary>
    public void Reset()
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        if (Weights.IsPending(_weight)) Weights.Materialize(_weight);
        _weight.copy_(_usual());
    }
}
