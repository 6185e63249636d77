using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using EmbeddingOptions = TransformerTorch.Layers.EmbeddingOptions;

namespace TransformerTorch.Models;

/// <summary>What a <see cref="Decoder"/> is.</summary>
public sealed record DecoderOptions
{
    /// <summary>Token and position tables.</summary>
    public required EmbeddingOptions Embeddings { get; init; }

    /// <summary>One for each layer.</summary>
    public required IReadOnlyList<BlockOptions> Blocks { get; init; }

    /// <summary>Whether a norm follows the last block.</summary>
    public bool FinalNorm { get; init; } = true;
}

/// <summary>Embeddings, blocks, final norm: ids to hidden states.</summary>
public sealed class Decoder : nn.Module<Tensor, Tensor>
{
    private readonly DecoderOptions _options;
    private readonly Rotary? _rotary;
    [ComponentName(Name = "embeddings")] private readonly Embeddings _embeddings;
    [ComponentName(Name = "layers")] private readonly ModuleList<Block> _layers;
    [ComponentName(Name = "norm")] private readonly Norm? _norm;

    /// <summary>A stack with memory but without values: see <see cref="Initialization"/>.</summary>
    public Decoder(DecoderOptions options) : base(nameof(Decoder))
    {
        _options = options;
        _embeddings = new Embeddings(options.Embeddings);
        _layers = new ModuleList<Block>([.. options.Blocks.Select((block, layer) => new Block(block, layer))]);
        _norm = options.FinalNorm ? new Norm(options.Embeddings.Width, options.Blocks[^1].Norm) : null;
        _rotary = options.Blocks[0].Attention.Rotary is { } rotary ? new Rotary(rotary) : null;
        RegisterComponents();
    }

    /// <summary>The token table (V, C).</summary>
    public Tensor TokenWeight => _embeddings.TokenWeight;

    /// <summary>An empty cache for this stack.</summary>
    public KvCache NewCache(long capacity) => new(_options.Blocks.Count, capacity);

    /// <summary>Hidden states after the final norm: (B, T) int64 to (B, T, C).</summary>
    public override Tensor forward(Tensor ids) => Hidden(ids);

    /// <summary>Hidden states after the final norm.</summary>
    /// <param name="ids">(B, T) int64</param>
    /// <param name="mask">(B, T), 1 for a token and 0 for padding, at either end; none: all are tokens</param>
    /// <param name="cache">earlier positions, to which these are added</param>
    /// <param name="each">called with the embeddings and with what each block gives, before the final norm; not kept by the stack</param>
    /// <returns>(B, T, C)</returns>
    /// <exception cref="ArgumentException">More tokens than the model has learned positions.</exception>
    public Tensor Hidden(Tensor ids, Tensor? mask = null, KvCache? cache = null, Action<Tensor>? each = null)
    {
        using var scope = NewDisposeScope();
        var (B, T) = ids.Dims2();
        var offset = cache?.Offset ?? 0;
        if (_options.Embeddings.Positions is > 0 and var most && offset + T > most)
            throw new ArgumentException($"a sequence of {offset + T} tokens, the model has {most} positions");
        var keys = cache is null ? mask : cache.ExtendMask(mask, B, T); // (B, Tk)
        var positions = Positions(keys, offset, T, ids.device);
        var context = new AttentionContext { Rotation = _rotary?.At(positions), Bias = Bias(keys), Cache = cache };
        var x = _embeddings.call(ids, positions); // (B, T, C)
        each?.Invoke(x);
        foreach (var layer in _layers)
        {
            var before = x;
            x = layer.call(before, context);
            before.Dispose();
            each?.Invoke(x);
        }
        cache?.Advance(T);
        return (_norm is null ? x : _norm.call(x)).MoveToOuterDisposeScope();
    }

    /// <summary>Positions count tokens, not padding: (T), or (B, T) where there is padding.</summary>
    private static Tensor Positions(Tensor? keys, long offset, long T, Device device)
        => keys is null ? arange(offset, offset + T, ScalarType.Int64, device)
            : (keys.to(ScalarType.Int64).cumsum(-1) - 1).clamp_min(0).narrow(1, offset, T);

    private static Tensor? Bias(Tensor? keys)
        => keys is null ? null : ((1 - keys.to(ScalarType.Float32)) * AttentionKernel.Hidden).unsqueeze(1).unsqueeze(1); // (B, 1, 1, Tk)
}
