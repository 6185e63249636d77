using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>What <see cref="RelativePositions"/> are.</summary>
public sealed record RelativePositionOptions
{
    /// <summary>C.</summary>
    public required int Width { get; init; }

    /// <summary>Distances from here on share a vector.</summary>
    public required int MaxDistance { get; init; }

    /// <summary>Distances told apart to either side, the far ones logarithmically; 0: every one up to the greatest.</summary>
    public int Buckets { get; init; }

    /// <summary>Normalises the vectors; null: not.</summary>
    public NormOptions? Norm { get; init; }

    /// <summary>Dropout on the vectors, in training.</summary>
    public double Dropout { get; init; }

    /// <summary>Vectors to either side.</summary>
    public int Span => Buckets > 0 ? Buckets : MaxDistance;
}

/// <summary>A learned vector for each relative position (He et al., 2021), which all layers of a stack share.</summary>
public sealed class RelativePositions : nn.Module
{
    private readonly RelativePositionOptions _options;
    [ComponentName(Name = "weight")] private readonly Parameter _weight;
    [ComponentName(Name = "norm")] private readonly Norm? _norm;

    /// <summary>Vectors for both sides.</summary>
    public RelativePositions(RelativePositionOptions options) : base(nameof(RelativePositions))
    {
        _options = options;
        _weight = Weights.Empty(2L * options.Span, options.Width);
        _norm = options.Norm is { } norm ? new Norm(options.Width, norm) : null;
        RegisterComponents();
    }

    /// <summary>(2 span, C)</summary>
    public Tensor Weight => _weight;

    /// <summary>The vectors, and which belongs to each query and key of a text of some length.</summary>
    public RelativeContext At(long length, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        var vectors = Dropout.Apply(_norm is null ? _weight.alias() : _norm.call(_weight), _options.Dropout, training);
        var at = arange(length, device: _weight.device);
        var distance = at.unsqueeze(1) - at.unsqueeze(0); // (Tq, Tk), query minus key
        var rows = (Bucket(distance) + _options.Span).clamp(0, (2 * _options.Span) - 1);
        return new RelativeContext(vectors.MoveToOuterDisposeScope(), rows.MoveToOuterDisposeScope()) { Mask = mask };
    }

    /// <summary>Near distances as they are, far ones by their logarithm; in float32, as the reference computes it.</summary>
    private Tensor Bucket(Tensor distance)
    {
        if (_options.Buckets == 0) return distance.alias();
        var middle = _options.Buckets / 2;
        var away = distance.abs();
        var log = (away.to(ScalarType.Float32).clamp_min(middle) / middle).log() / MathF.Log((float)(_options.MaxDistance - 1) / middle);
        var far = ((log * (middle - 1)).ceil() + middle).to(ScalarType.Int64);
        return where(away.le(middle), distance, far * distance.sign());
    }
}
