using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// Multi-head attention (Vaswani et al., 2017), the only one here: projection (queries, keys and values as one product, rows in that
/// order; keys and values from a memory where it is cross-attention), position, cache, kernel. Heads stay where the projection puts
/// them, (B, T, H, D): nothing is transposed.
/// </summary>
public sealed class Attention : nn.Module<Tensor, AttentionContext, Tensor>, IDropping
{
    private readonly AttentionOptions _options;
    private readonly int _layer;
    private readonly AttentionArguments _arguments;
    [ComponentName(Name = "qkv")] private readonly Linear? _qkv;
    [ComponentName(Name = "query")] private readonly Linear? _query;
    [ComponentName(Name = "key_value")] private readonly Linear? _keyValue;
    [ComponentName(Name = "query_norm")] private readonly Norm? _queryNorm;
    [ComponentName(Name = "key_norm")] private readonly Norm? _keyNorm;
    [ComponentName(Name = "disentangled")] private readonly Disentangled? _disentangled;
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
            Causal = options.Causal && !options.Cross, Window = options.Window, Scale = options.Scale, SoftCap = options.SoftCap,
        };
        var (queries, keys) = ((long)options.Heads * options.HeadSize, (long)options.KeyValueHeads * options.HeadSize);
        if (options.Cross) _query = new Linear(options.Width, queries, options.Bias);
        if (options.Cross) _keyValue = new Linear(options.Width, 2 * keys, options.Bias);
        else _qkv = new Linear(options.Width, queries + (2 * keys), options.Bias);
        if (options.QueryKeyNorm is { } norm) (_queryNorm, _keyNorm) = (new Norm(options.HeadSize, norm), new Norm(options.HeadSize, norm));
        _disentangled = options.Disentangled is { } terms ? new Disentangled(options, terms) : null;
        _output = new Linear(queries, options.Width, options.OutputBias);
        RegisterComponents();
    }

    /// <summary>The projection back into the residual stream.</summary>
    public Linear Output => _output;

    bool IDropping.Drops => _options.Dropout > 0;

    /// <summary>(B, T, C) to (B, T, C).</summary>
    public override Tensor forward(Tensor x, AttentionContext context)
    {
        using var scope = NewDisposeScope();
        var (B, T, _) = x.Dims3();
        var (q, k, v) = _options.Cross ? ProjectMemory(x, context) : ProjectSelf(x, context);
        if (context.Pages is { } pages) return Projected(pages.Attend(_layer, q, k, v, _arguments with { Terms = context.Terms }));
        var terms = Terms(context, T, k.shape[1]);
        if (_disentangled is not null && context.Relative is { } relative)
        {
            if (relative.Mask is { } mask) q = q * mask.unsqueeze(-1).unsqueeze(-1).to(q.dtype);
            if (_disentangled.Bias(q, k, relative, _qkv!) is { } added)
                terms = terms with { Bias = terms.Bias is { } bias ? bias + added : added };
        }
        var masked = context.Windows.ContainsKey(_options.Window);
        var arguments = _arguments with
        {
            Terms = terms, Dropout = training ? _options.Dropout : 0, Window = masked ? 0 : _options.Window, BlindRows = masked,
        };
        context.Weights?.Invoke(AttentionKernel.Weights(q, k, arguments));
        return Projected(AttentionKernel.Run(q, k, v, arguments)); // (B, T, C)

        Tensor Projected(Tensor mixed) // (B, T, H, D)
            => _output.call(mixed.reshape(B, T, (long)_options.Heads * _options.HeadSize)).MoveToOuterDisposeScope();
    }

    private (Tensor Query, Tensor Key, Tensor Value) ProjectSelf(Tensor x, AttentionContext context)
    {
        var (B, T, _) = x.Dims3();
        var (H, K, D) = ((long)_options.Heads, (long)_options.KeyValueHeads, (long)_options.HeadSize);
        var qkv = _qkv!.call(x); // (B, T, (H + 2 K) D)
        if (_queryNorm is null && _options.Rotary is not null) qkv = Turned(qkv.view(B, T, H + (2 * K), D), H + K);
        var (q, k, v) = Operators.SplitHeads(qkv, D, H, K); // (B, T, H or K, D)
        if (_queryNorm is not null) (q, k) = (Turned(_queryNorm.call(q), H), Turned(_keyNorm!.call(k), K));
        if (context.Cache is { } cache) (k, v) = cache.Append(_layer, k, v); // (B, Tk, K, D)
        return (q, k, v);

        // What a projection or a norm has just made is nobody else's.
        Tensor Turned(Tensor heads, long count) => _options.Rotary is not { } rotary ? heads
            : Operators.Rotary(heads, context.Rotations[rotary], rotary.Interleaved, count, reuse: true);
    }

    private (Tensor Query, Tensor Key, Tensor Value) ProjectMemory(Tensor x, AttentionContext context)
    {
        var (B, T, _) = x.Dims3();
        var (K, D) = ((long)_options.KeyValueHeads, (long)_options.HeadSize);
        var q = Normed(_query!.call(x).view(B, T, _options.Heads, D), _queryNorm);
        var (k, v) = context.Cache?.Memory(_layer, Read) ?? Read();
        return (q, k, v);

        (Tensor Key, Tensor Value) Read()
        {
            var memory = context.Memory ?? throw new ArgumentException("cross-attention has no memory to read");
            var (keys, values, _) = Operators.SplitHeads(_keyValue!.call(memory), D, K, K);
            return (Normed(keys, _keyNorm), values); // (B, S, K, D)
        }
    }

    /// <summary>The context's terms, of the keys that this layer still holds.</summary>
    private AttentionTerms Terms(AttentionContext context, long queries, long keys)
        => _options.Cross ? context.MemoryTerms
            : context.Windows.TryGetValue(_options.Window, out var windowed) ? new AttentionTerms { Bias = windowed }
            : context.Terms.OfLast(keys, queries);

    private static Tensor Normed(Tensor heads, Norm? norm) => norm is null ? heads : norm.call(heads);
}
