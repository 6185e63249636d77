using TorchSharp;
using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>
/// x W^T + b. Like all layers here it is built with memory but without values: see <see cref="Initialization"/>. It may be given
/// <see cref="LowRankUpdate"/>s, which are learned in place of its weight.
/// </summary>
public sealed class Linear : nn.Module<Tensor, Tensor>
{
    private readonly List<LowRankUpdate> _updates = [];
    [ComponentName(Name = "weight")] private readonly Parameter _weight;
    [ComponentName(Name = "bias")] private readonly Parameter? _bias;
    private QuantizedTensor? _quantized;

    /// <summary>A projection of <paramref name="inputs"/> features to <paramref name="outputs"/>.</summary>
    public Linear(long inputs, long outputs, bool bias) : base(nameof(Linear))
    {
        _weight = Weights.Empty(outputs, inputs);
        _bias = bias ? Weights.Empty(outputs) : null;
        RegisterComponents();
    }

    /// <summary>(out, in); of a quantized layer what it multiplies with, made anew at each call.</summary>
    public Tensor Weight => _quantized is { } weight ? QuantizedOperators.Dequantize(weight).to(_weight.dtype) : _weight;

    /// <summary>(out), or none.</summary>
    public Tensor? Bias => _bias;

    /// <summary>Whether the weight is stored in few bits: it cannot be trained or saved then.</summary>
    public bool IsQuantized => _quantized is not null;

    /// <summary>Bytes that its weight takes as it is stored.</summary>
    public long WeightBytes => _quantized?.Bytes ?? Weights.Bytes(_weight);

    /// <summary>Stores the weight in few bits from now on, and gives its own memory back.</summary>
    public void Quantize(Quantization to)
    {
        _quantized = QuantizedOperators.Quantize(_weight, to.Bits, to.Group).Detached();
        Weights.Release(_weight);
    }

    /// <summary>Its updates, in the order of the features they update.</summary>
    public IReadOnlyList<LowRankUpdate> Updates => _updates;

    /// <summary>The weight with its updates (out, in): for those who use it otherwise than by <see cref="forward"/>.</summary>
    public Tensor UpdatedWeight => _updates.Count == 0 ? Weight
        : Weight + Spread(_updates.ToDictionary(u => u.First, u => u.Product()), dim: 0).to(_weight.dtype);

    /// <summary>Adds an update of features that none updates yet.</summary>
    public void Add(LowRankUpdate update)
    {
        register_module($"update_{update.First}", update.to(_weight.device));
        _updates.Add(update);
        _updates.Sort((a, b) => a.First.CompareTo(b.First));
    }

    /// <summary>Takes its updates off.</summary>
    public void RemoveUpdates()
    {
        foreach (var update in _updates) register_module($"update_{update.First}", null!);
        _updates.Clear();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        if (_updates.Count == 0) return Product(input);
        using var scope = NewDisposeScope();
        var output = Product(input);
        var added = Spread(_updates.ToDictionary(u => u.First, u => u.call(input)), dim: -1);
        return (output + added.to(output.dtype)).MoveToOuterDisposeScope();
    }

    /// <summary>The projection and a function of it, in one where that is possible.</summary>
    /// <param name="input">(..., in)</param>
    /// <param name="activation">one of <see cref="Activation.Names"/></param>
    /// <param name="gated">whether the first half of the features, so shaped, multiplies the second: (..., out / 2)</param>
    public Tensor Activated(Tensor input, string activation, bool gated = false)
    {
        if (_updates.Count == 0 && Activation.OperatorName(activation) is { } name)
            return _quantized is { } weight ? QuantizedOperators.Linear(input, weight, _bias, name, gated)
                : Operators.LinearActivation(input, (_weight, _bias), name, gated);
        using var scope = NewDisposeScope();
        var function = gated ? Activation.Gated(activation) : Activation.Named(activation);
        return function(forward(input)).MoveToOuterDisposeScope();
    }

    private Tensor Product(Tensor input)
        => _quantized is { } weight ? QuantizedOperators.Linear(input, weight, _bias) : Operators.Linear(input, _weight, _bias);

    /// <summary>Updates side by side in the order of features, with zeros for those that have none.</summary>
    private Tensor Spread(Dictionary<long, Tensor> added, int dim)
    {
        var (parts, next, outputs) = (new List<Tensor>(), 0L, _weight.shape[0]);
        foreach (var update in _updates)
        {
            Gap(update.First);
            parts.Add(added[update.First]);
            next = update.First + update.Count;
        }
        Gap(outputs);
        return parts.Count == 1 ? parts[0] : cat(parts, dim);

        void Gap(long end)
        {
            if (end == next) return;
            var like = added.Values.First();
            var shape = like.shape;
            shape[dim < 0 ? shape.Length + dim : dim] = end - next;
            parts.Add(zeros(shape, like.dtype, like.device));
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _quantized?.Dispose();
        base.Dispose(disposing);
    }
}
