using TorchSharp.Utils;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>What a <see cref="RelativeBias"/> is.</summary>
public sealed record RelativeBiasOptions
{
    /// <summary>H.</summary>
    public required int Heads { get; init; }

    /// <summary>Distances told apart.</summary>
    public required int Buckets { get; init; }

    /// <summary>Distances from here on share the last bucket.</summary>
    public required int MaxDistance { get; init; }

    /// <summary>Whether keys after the query have buckets of their own (an encoder) or share that of distance 0 (a decoder).</summary>
    public required bool Bidirectional { get; init; }

    /// <summary>Whether each layer of a stack has a table of its own, where else the first one's serves all.</summary>
    public bool PerLayer { get; init; }
}

/// <summary>
/// A learned term for each head and distance (Raffel et al., 2020): small distances have a bucket each, larger ones share buckets of
/// logarithmic width.
/// </summary>
public sealed class RelativeBias : nn.Module
{
    private readonly RelativeBiasOptions _options;
    private readonly DeviceConstant _buckets; // of the distances from -MaxDistance to MaxDistance
    [ComponentName(Name = "weight")] private readonly Parameter _weight;

    /// <summary>A table of buckets by heads.</summary>
    public RelativeBias(RelativeBiasOptions options) : base(nameof(RelativeBias))
    {
        _options = options;
        _buckets = new(device => tensor(Enumerable.Range(-options.MaxDistance, (2 * options.MaxDistance) + 1)
            .Select(distance => Bucket(distance)).ToArray(), device: device));
        _weight = Weights.Empty(options.Buckets, options.Heads);
        RegisterComponents();
    }

    /// <summary>(buckets, H)</summary>
    public Tensor Weight => _weight;

    /// <summary>The terms by distance of the last queries over all keys, (H, Tq + Tk - 1): see <see cref="AttentionTerms"/>.</summary>
    public Tensor ByDistance(long queries, long keys)
    {
        using var scope = NewDisposeScope();
        var (device, most) = (_weight.device, _options.MaxDistance);
        var distances = arange(queries - 1, -keys, -1, ScalarType.Int64, device).clamp(-most, most) + most; // from the farthest ahead
        return _weight.index_select(0, _buckets.On(device).index_select(0, distances)).t().MoveToOuterDisposeScope();
    }

    /// <summary>The bucket of a key's position minus the query's.</summary>
    internal long Bucket(long distance)
    {
        var buckets = _options.Bidirectional ? _options.Buckets / 2 : _options.Buckets;
        var start = _options.Bidirectional && distance > 0 ? buckets : 0;
        var away = _options.Bidirectional ? Math.Abs(distance) : Math.Max(-distance, 0);
        var exact = buckets / 2;
        if (away < exact) return start + away;
        // In float32, as the reference computes it: a distance on a border falls on its side.
        var ratio = MathF.Log((float)away / exact) / (float)Math.Log((double)_options.MaxDistance / exact);
        return start + Math.Min(exact + (long)(ratio * (buckets - exact)), buckets - 1);
    }
}
