using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>What an <see cref="Attention"/> is.</summary>
public sealed record AttentionOptions
{
    /// <summary>C, the width of the residual stream.</summary>
    public required int Width { get; init; }

    /// <summary>H, query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>K, key and value heads, which groups of query heads share (Ainslie et al., 2023).</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>D, the size of a head.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Whether the query, key and value projections have biases.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Whether the output projection has a bias.</summary>
    public bool OutputBias { get; init; } = true;

    /// <summary>Whether a position sees only those before it.</summary>
    public bool Causal { get; init; } = true;

    /// <summary>How many positions back it sees; 0: all.</summary>
    public int Window { get; init; }

    /// <summary>Multiplies the scores; null: 1/sqrt(D).</summary>
    public double? Scale { get; init; }

    /// <summary>Squashes the scores; 0: not.</summary>
    public double SoftCap { get; init; }

    /// <summary>Dropout on the attention weights, in training.</summary>
    public double Dropout { get; init; }

    /// <summary>Rotary positions; null: none here.</summary>
    public RotaryOptions? Rotary { get; init; }
}

/// <summary>What all layers of one forward pass share.</summary>
public sealed record AttentionContext
{
    /// <summary>Cosines and sines of this pass's positions, where positions are rotary.</summary>
    public (Tensor Cos, Tensor Sin)? Rotation { get; init; }

    /// <summary>Added to the scores (padding), broadcastable to (B, H, Tq, Tk).</summary>
    public Tensor? Bias { get; init; }

    /// <summary>Earlier positions' keys and values; null: none.</summary>
    public KvCache? Cache { get; init; }
}

/// <summary>
/// Multi-head attention (Vaswani et al., 2017), the only one here: projection (queries, keys and values as one product, rows in that
/// order), position (none or rotary), cache, kernel. Heads stay where the projection puts them, (B, T, H, D): nothing is transposed.
/// </summary>
public sealed class Attention : nn.Module<Tensor, AttentionContext, Tensor>
{
    private readonly AttentionOptions _options;
    private readonly int _layer;
    private readonly AttentionArguments _arguments;
    [ComponentName(Name = "qkv")] private readonly Linear _qkv;
    [ComponentName(Name = "output")] private readonly Linear _output;

    /// <summary>The attention of one layer, whose index names its place in the cache.</summary>
    /// <exception cref="ArgumentException">Query heads are no multiple of key-value heads.</exception>
    public Attention(AttentionOptions options, int layer) : base(nameof(Attention))
    {
        if (options.KeyValueHeads < 1 || options.Heads % options.KeyValueHeads != 0)
            throw new ArgumentException($"{options.Heads} query heads cannot share {options.KeyValueHeads} key-value heads evenly");
        (_options, _layer) = (options, layer);
        _arguments = new AttentionArguments
        {
            Causal = options.Causal, Window = options.Window, Scale = options.Scale, SoftCap = options.SoftCap,
        };
        _qkv = new Linear(options.Width, (options.Heads + (2L * options.KeyValueHeads)) * options.HeadSize, options.Bias);
        _output = new Linear((long)options.Heads * options.HeadSize, options.Width, options.OutputBias);
        RegisterComponents();
    }

    /// <summary>The projection back into the residual stream.</summary>
    public Linear Output => _output;

    /// <inheritdoc/>
    public override Tensor forward(Tensor x, AttentionContext context)
    {
        using var scope = NewDisposeScope();
        var (B, T, _) = x.Dims3();
        var (q, k, v) = Project(x, B, T);
        if (context.Rotation is { } at && _options.Rotary is { } rotary)
            (q, k) = (Operators.Rotary(q, at.Cos, at.Sin, rotary.Interleaved), Operators.Rotary(k, at.Cos, at.Sin, rotary.Interleaved));
        if (context.Cache is { } cache) (k, v) = cache.Append(_layer, k, v); // (B, Tk, K, D)
        var mixed = AttentionKernel.Run(q, k, v, _arguments with { Bias = context.Bias, Dropout = training ? _options.Dropout : 0 });
        return _output.call(mixed.reshape(B, T, (long)_options.Heads * _options.HeadSize)).MoveToOuterDisposeScope(); // (B, T, C)
    }

    private (Tensor Query, Tensor Key, Tensor Value) Project(Tensor x, long B, long T)
    {
        var (H, K, D) = ((long)_options.Heads, (long)_options.KeyValueHeads, (long)_options.HeadSize);
        var qkv = _qkv.call(x).view(B, T, H + (2 * K), D); // (B, T, H + 2K, D)
        var parts = qkv.split([H, K, K], dim: 2); // one copy in backward, where three narrow views would each add to a zeroed whole
        return (parts[0], parts[1], parts[2]);
    }
}
