using TorchSharp.Utils;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Linear = TransformerTorch.Layers.Linear;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Models;

/// <summary>What a <see cref="Head"/> is.</summary>
public sealed record HeadOptions
{
    /// <summary>Scores it gives; 0: it gives features.</summary>
    public required int Outputs { get; init; }

    /// <summary>Features between; 0: the scores are read off the hidden states.</summary>
    public int Features { get; init; }

    /// <summary>Whether the projection to those features has a bias.</summary>
    public bool FeatureBias { get; init; } = true;

    /// <summary>What they go through: one of <see cref="Activation.Names"/>.</summary>
    public string Activation { get; init; } = "tanh";

    /// <summary>Normalises them; null: not.</summary>
    public NormOptions? Norm { get; init; }

    /// <summary>Dropout before the projection to those features, in training.</summary>
    public double InputDropout { get; init; }

    /// <summary>Dropout before the scores, in training.</summary>
    public double Dropout { get; init; }

    /// <summary>Whether the scores have a bias.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Whether that bias is a constant of the checkpoint rather than learned.</summary>
    public bool FixedBias { get; init; }

    /// <summary>Whether scores are products with the token table.</summary>
    public bool Tied { get; init; }

    /// <summary>Multiplies the features before the scores.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Squashes the scores by tanh to within this; 0: not.</summary>
    public double SoftCap { get; init; }
}

/// <summary>
/// From hidden states to scores: <c>output(norm(activation(dense(x))))</c>, of which all but the last may be absent, or the last alone.
/// </summary>
public sealed class Head : nn.Module<Tensor, Tensor>
{
    private readonly HeadOptions _options;
    private readonly Func<Tensor>? _tied;
    [ComponentName(Name = "dense")] private readonly Linear? _dense;
    [ComponentName(Name = "norm")] private readonly Norm? _norm;
    [ComponentName(Name = "output")] private readonly Linear? _output;
    [ComponentName(Name = "bias")] private readonly Parameter? _bias;
    [ComponentName(Name = "fixed_bias")] private readonly Constant? _fixedBias;
    private QuantizedTensor? _quantized;

    /// <summary>A head over hidden states of a width.</summary>
    /// <param name="width">C</param>
    /// <param name="options">what it is</param>
    /// <param name="tokenWeight">gives the token table (V, C) where it is tied to it</param>
    public Head(int width, HeadOptions options, Func<Tensor>? tokenWeight = null) : base(nameof(Head))
    {
        _options = options;
        _ = Activation.Named(options.Activation); // an unknown one fails here
        var features = options.Features > 0 ? options.Features : width;
        _dense = options.Features > 0 ? new Linear(width, features, options.FeatureBias) : null;
        _norm = options.Norm is { } norm ? new Norm(features, norm) : null;
        _tied = options.Tied ? tokenWeight ?? throw new ArgumentException("a tied head needs the token table") : null;
        var learned = options is { Bias: true, FixedBias: false };
        _output = options is { Tied: false, Outputs: > 0 } ? new Linear(features, options.Outputs, learned) : null;
        _bias = options.Tied && learned ? Weights.Empty(options.Outputs) : null;
        _fixedBias = options.FixedBias ? new Constant(() => zeros(1, options.Outputs), 1, options.Outputs) : null;
        RegisterComponents();
    }

    /// <summary>(outputs, features)</summary>
    public Tensor Weight
        => _quantized is { } copy ? QuantizedOperators.Dequantize(copy) : _tied?.Invoke() ?? _output?.UpdatedWeight
            ?? throw new InvalidOperationException("this head gives features, not scores");

    /// <summary>(outputs), or none.</summary>
    public Tensor? Bias => _fixedBias?.Weight.view(-1) ?? _bias ?? _output?.Bias;

    /// <summary>Bytes of what its scores are read off beside its own projections: a tied table, or a copy in few bits.</summary>
    public long WeightBytes => _quantized?.Bytes ?? (_tied is null ? 0 : Weights.Bytes(_tied()));

    /// <summary>Gives the scores' own bias its first value, zero.</summary>
    public void Reset() => _bias?.zero_();

    /// <summary>Reads scores off a copy of the weight in few bits from now on; a tied table stays as it is for looking up tokens.</summary>
    public void Quantize(Quantization to)
    {
        if (_options.Outputs == 0) return;
        using (NewDisposeScope()) _quantized = QuantizedOperators.Quantize(Weight, to.OfScores.Bits, to.OfScores.Group).Detached();
        if (_output is not null) Weights.Release(_output.Weight);
    }

    /// <summary>Scores (..., outputs), or features where it has no outputs, of hidden states (..., C).</summary>
    public override Tensor forward(Tensor hidden)
    {
        using var scope = NewDisposeScope();
        var features = Features(hidden);
        if (_options.Outputs == 0) return features.MoveToOuterDisposeScope();
        var scores = _quantized is { } copy ? QuantizedOperators.Linear(features, copy, Bias) : Operators.Linear(features, Weight, Bias);
        if (_options.SoftCap > 0) scores = (scores / _options.SoftCap).tanh() * _options.SoftCap;
        return scores.MoveToOuterDisposeScope();
    }

    /// <summary>The sum of cross-entropies of the scores, a float32 scalar; the scores are never held whole.</summary>
    /// <param name="hidden">(..., C)</param>
    /// <param name="targets">(...) int64, -100 ignored</param>
    /// <param name="options">smoothing, z-loss</param>
    public Tensor LossSum(Tensor hidden, Tensor targets, CrossEntropyOptions? options = null)
    {
        using var scope = NewDisposeScope();
        var features = Features(hidden);
        var rows = features.view(-1, features.shape[^1]);
        var all = (options ?? CrossEntropyOptions.Default) with { SoftCap = _options.SoftCap };
        return Operators.LinearCrossEntropy(rows, Weight, Bias, targets.reshape(-1), all).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _quantized?.Dispose();
        base.Dispose(disposing);
    }

    private Tensor Features(Tensor hidden)
    {
        var x = hidden;
        if (_dense is not null) x = Normed(_dense.Activated(Dropout.Apply(x, _options.InputDropout, training), _options.Activation));
        x = Dropout.Apply(x, _options.Dropout, training);
        return _options.Scale == 1 ? x.alias() : x * _options.Scale;
    }

    private Tensor Normed(Tensor x) => _norm is null ? x : _norm.call(x);
}
