using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>A table of vectors by index.</summary>
public sealed class Embedding : nn.Module<Tensor, Tensor>
{
    private readonly long? _padding;
    private Func<Tensor>? _other; // the module itself would be registered here too
    [ComponentName(Name = "weight")] private readonly Parameter _weight;

    /// <summary>
    /// A table of <paramref name="count"/> vectors, of which that of <paramref name="padding"/> is not learned by looking it up.
    /// </summary>
    public Embedding(long count, long width, int? padding = null) : base(nameof(Embedding))
    {
        _padding = padding;
        _weight = Weights.Empty(count, width);
        RegisterComponents();
    }

    /// <summary>(count, C)</summary>
    public Tensor Weight => _other?.Invoke() ?? _weight;

    /// <summary>From now on looks up another's vectors, and learns those.</summary>
    /// <exception cref="ArgumentException">That table is of another shape.</exception>
    public void Tie(Embedding other)
    {
        if (!_weight.shape.SequenceEqual(other.Weight.shape))
            throw new ArgumentException(
                $"a table of {Dims.Describe(_weight.shape)} cannot be tied to one of {Dims.Describe(other.Weight.shape)}");
        _other = () => other.Weight;
        _weight.requires_grad = false;
    }

    /// <summary>Puts the vectors of the table that it is tied to into its own, so that it can be saved by itself.</summary>
    public void Materialize()
    {
        using var _ = no_grad();
        if (_other is not null) _weight.copy_(Weight);
    }

    /// <summary>Indices of any shape to (..., C).</summary>
    public override Tensor forward(Tensor input) => Operators.Embedding(Weight, input, _padding);
}

/// <summary>How positions are counted.</summary>
public enum PositionSource
{
    /// <summary>Tokens are counted, padding is not.</summary>
    Mask,

    /// <summary>So too, and padding stands at -1, for which <see cref="EmbeddingOptions.PositionOffset"/> makes room.</summary>
    MaskElseBefore,

    /// <summary>Every place counts.</summary>
    Index,

    /// <summary>Tokens other than the padding token are counted from its id on; that itself stands at its id.</summary>
    PaddingToken,
}

/// <summary>Where a narrower or wider token table meets the stream's width.</summary>
public enum EmbeddingProjection
{
    /// <summary>It has the stream's width.</summary>
    None,

    /// <summary>Token vectors are projected before anything is added.</summary>
    Tokens,

    /// <summary>The normalised sum is projected.</summary>
    Sum,
}

/// <summary>What <see cref="Embeddings"/> are.</summary>
public sealed record EmbeddingOptions
{
    /// <summary>V.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>C.</summary>
    public required int Width { get; init; }

    /// <summary>The token table's width where it is another.</summary>
    public int TableWidth { get; init; }

    /// <summary>Where the two widths meet.</summary>
    public EmbeddingProjection Projection { get; init; }

    /// <summary>Whether that projection has a bias.</summary>
    public bool ProjectionBias { get; init; } = true;

    /// <summary>Position vectors there are; 0 where positions enter elsewhere (rotary).</summary>
    public int Positions { get; init; }

    /// <summary>Rows of the position table before that of position 0.</summary>
    public int PositionOffset { get; init; }

    /// <summary>Whether position vectors are sines and cosines (Vaswani et al., 2017), or what a checkpoint has, and not learned.</summary>
    public bool Sinusoidal { get; init; }

    /// <summary>How positions are counted.</summary>
    public PositionSource PositionSource { get; init; }

    /// <summary>The most tokens there are positions for.</summary>
    public int Length => PositionSource == PositionSource.PaddingToken ? Positions - PaddingToken.GetValueOrDefault() - 1 : Positions;

    /// <summary>The padding token, whose vector looking it up does not teach; null: none is so.</summary>
    public int? PaddingToken { get; init; }

    /// <summary>Kinds of segments (sentence A and B); 0: none are told apart.</summary>
    public int Segments { get; init; }

    /// <summary>Multiplies the token vectors.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Whether that number is rounded to the vectors' type first, as where the reference holds it as a tensor.</summary>
    public bool RoundsScale { get; init; }

    /// <summary>Normalises the sum; null: not.</summary>
    public NormOptions? Norm { get; init; }

    /// <summary>Whether what stands at padding is zero.</summary>
    public bool ZeroPadding { get; init; }

    /// <summary>The mask token, where it is dropout on the input (<see cref="TokenDropout"/>); null: it is a token.</summary>
    public int? DroppedToken { get; init; }

    /// <summary>Dropout on the sum, in training.</summary>
    public double Dropout { get; init; }
}

/// <summary>Token vectors plus, where there are any, vectors of positions and segments; normalised and projected where asked.</summary>
public sealed class Embeddings : nn.Module
{
    private readonly EmbeddingOptions _options;
    private readonly Func<Embedding> _table;
    [ComponentName(Name = "tokens")] private readonly Embedding? _tokens;
    [ComponentName(Name = "positions")] private readonly Embedding? _positions;
    [ComponentName(Name = "sinusoids")] private readonly Constant? _sinusoids;
    [ComponentName(Name = "segments")] private readonly Embedding? _segments;
    [ComponentName(Name = "norm")] private readonly Norm? _norm;
    [ComponentName(Name = "projection")] private readonly Linear? _projection;

    /// <summary>Tables for a vocabulary and, where asked, positions and segments.</summary>
    /// <param name="options">which</param>
    /// <param name="shared">a token table that belongs to another module; none: one of its own</param>
    public Embeddings(EmbeddingOptions options, Embedding? shared = null) : base(nameof(Embeddings))
    {
        _options = options;
        var width = options.Projection == EmbeddingProjection.None ? options.Width : options.TableWidth;
        var inner = options.Projection == EmbeddingProjection.Sum ? width : options.Width;
        _tokens = shared is null ? new Embedding(options.VocabularySize, width, options.PaddingToken) : null;
        _table = () => shared ?? _tokens!; // a field would register the other's table here too
        var unlearned = options.PositionSource == PositionSource.PaddingToken ? options.PaddingToken : null;
        if (options.Sinusoidal) _sinusoids = new Constant(() => SinusoidalPositions.Of(options.Positions, inner), options.Positions, inner);
        else if (options.Positions > 0) _positions = new Embedding(options.Positions + options.PositionOffset, inner, unlearned);
        _segments = options.Segments > 0 ? new Embedding(options.Segments, inner) : null;
        _norm = options.Norm is { } norm ? new Norm(inner, norm) : null;
        _projection = options.Projection == EmbeddingProjection.None ? null : new Linear(width, options.Width, options.ProjectionBias);
        RegisterComponents();
    }

    /// <summary>The token table (V, C), which a tied head shares.</summary>
    public Tensor TokenWeight => _table().Weight;

    /// <summary>Shares the tables of tokens, positions and segments with another's (Clark et al., 2020).</summary>
    /// <exception cref="ArgumentException">Tables are of different shapes.</exception>
    public void Tie(Embeddings other)
    {
        _table().Tie(other._table());
        if (_positions is not null && other._positions is not null) _positions.Tie(other._positions);
        if (_segments is not null && other._segments is not null) _segments.Tie(other._segments);
    }

    /// <summary>Vectors of tokens at positions.</summary>
    /// <param name="ids">(B, T) int64</param>
    /// <param name="positions">(T) or (B, T) int64</param>
    /// <param name="segments">(B, T) int64; none: all 0</param>
    /// <param name="mask">(B, T), 1 for a token and 0 for padding; none: all are tokens</param>
    /// <returns>(B, T, C)</returns>
    public Tensor forward(Tensor ids, Tensor positions, Tensor? segments, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        var x = _table().call(ids); // (B, T, C)
        if (_options.Scale != 1) x = _options.RoundsScale ? x * tensor(_options.Scale, x.dtype) : x * _options.Scale;
        if (_options.DroppedToken is { } dropped) x = TokenDropout.Apply(x, ids, mask, dropped);
        if (_options.Projection == EmbeddingProjection.Tokens) x = _projection!.call(x);
        if (_positions is not null) x = x + _positions.call(positions + _options.PositionOffset);
        if (_sinusoids is not null) x = x + Operators.Embedding(_sinusoids.Weight, positions, null);
        if (_segments is not null) x = x + _segments.call(segments ?? zeros_like(ids));
        if (_norm is not null) x = _norm.call(x);
        if (_options.ZeroPadding && mask is not null) x = x * mask.unsqueeze(-1).to(x.dtype);
        x = Dropout.Apply(x, _options.Dropout, training);
        return (_options.Projection == EmbeddingProjection.Sum ? _projection!.call(x) : x).MoveToOuterDisposeScope();
    }
}

/// <summary>
/// The mask token as dropout on the input (Rives et al., 2021): where it stands the vector is zero, and the others are scaled by how many
/// were masked in training over how many are.
/// </summary>
internal static class TokenDropout
{
    private const double Trained = 0.15 * 0.8; // of all tokens, in every published training run

    public static Tensor Apply(Tensor x, Tensor ids, Tensor? mask, int token)
    {
        using var scope = NewDisposeScope();
        var masked = ids.eq(token);
        var length = (mask ?? ones_like(ids)).sum(-1).to(ScalarType.Float32);
        var kept = 1 - (masked.sum(-1).to(ScalarType.Float32) / length); // (B)
        var scaled = x.masked_fill(masked.unsqueeze(-1), 0) * (1 - Trained) / kept.unsqueeze(-1).unsqueeze(-1);
        return scaled.to(x.dtype).MoveToOuterDisposeScope();
    }
}
