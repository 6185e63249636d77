using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>x W^T + b. Like all layers here it is built with memory but without values: see <see cref="Initialization"/>.</summary>
public sealed class Linear : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "weight")] private readonly Parameter _weight;
    [ComponentName(Name = "bias")] private readonly Parameter? _bias;

    /// <summary>A projection of <paramref name="inputs"/> features to <paramref name="outputs"/>.</summary>
    public Linear(long inputs, long outputs, bool bias) : base(nameof(Linear))
    {
        _weight = Weights.Empty(outputs, inputs);
        _bias = bias ? Weights.Empty(outputs) : null;
        RegisterComponents();
    }

    /// <summary>(out, in)</summary>
    public Tensor Weight => _weight;

    /// <summary>(out), or none.</summary>
    public Tensor? Bias => _bias;

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => Operators.Linear(input, _weight, _bias);
}
