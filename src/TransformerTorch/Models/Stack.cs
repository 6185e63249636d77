using TorchSharp.Modules;
using TorchSharp.Utils;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Convolution = TransformerTorch.Layers.Convolution;
using Dropout = TransformerTorch.Layers.Dropout;
using Embedding = TransformerTorch.Layers.Embedding;
using Linear = TransformerTorch.Layers.Linear;
using EmbeddingOptions = TransformerTorch.Layers.EmbeddingOptions;

namespace TransformerTorch.Models;

/// <summary>What a stack of blocks is.</summary>
public sealed record StackOptions
{
    /// <summary>Token, position and segment tables.</summary>
    public required EmbeddingOptions Embeddings { get; init; }

    /// <summary>One for each layer.</summary>
    public required IReadOnlyList<BlockOptions> Blocks { get; init; }

    /// <summary>The norm after the last block; null: none.</summary>
    public NormOptions? FinalNorm { get; init; }

    /// <summary>Dropout after it, in training.</summary>
    public double FinalDropout { get; init; }

    /// <summary>The width of the last hidden states where they are projected to another after that norm; 0: the stream's.</summary>
    public int OutputWidth { get; init; }

    /// <summary>Learned terms by distance; null: none.</summary>
    public RelativeBiasOptions? RelativeBias { get; init; }

    /// <summary>Vectors of relative positions, for layers that have terms of them; null: none.</summary>
    public RelativePositionOptions? RelativePositions { get; init; }

    /// <summary>Whether padding sees everything alike (which shows only where padding is scored, as in question answering).</summary>
    public bool PaddingIsBlind { get; init; }

    /// <summary>Whether scores are read off padding too, as in question answering.</summary>
    public bool PaddingIsScored { get; init; }

    /// <summary>Neighbours' embeddings beside the first layer; null: none.</summary>
    public ConvolutionOptions? Convolution { get; init; }

    /// <summary>Whether scores fall linearly with distance.</summary>
    public bool Alibi { get; init; }
}

/// <summary>
/// Embeddings, blocks, final norm: ids to hidden states. <see cref="Encoder"/> and <see cref="Decoder"/> are its two uses.
/// </summary>
public abstract class Stack : Backbone
{
    private static readonly AttentionArguments s_plain = new();
    private readonly Dictionary<RotaryOptions, Rotary> _rotary;
    [ComponentName(Name = "embeddings")] private readonly Embeddings _embeddings;
    [ComponentName(Name = "relative_bias")] private readonly ModuleList<RelativeBias> _relativeBias;
    [ComponentName(Name = "relative_positions")] private readonly RelativePositions? _relativePositions;
    [ComponentName(Name = "convolution")] private readonly Convolution? _convolution;
    [ComponentName(Name = "layers")] private readonly ModuleList<Block> _layers;
    [ComponentName(Name = "norm")] private readonly Norm? _norm;
    [ComponentName(Name = "projection")] private readonly Linear? _projection;

    /// <summary>A stack with memory but without values: see <see cref="Initialization"/>.</summary>
    private protected Stack(string name, StackOptions options, Embedding? tokens) : base(name)
    {
        Options = options;
        _embeddings = new Embeddings(options.Embeddings, tokens);
        var tables = options.RelativeBias is { } relative ? Enumerable.Repeat(relative, relative.PerLayer ? options.Blocks.Count : 1) : [];
        _relativeBias = new ModuleList<RelativeBias>([.. tables.Select(table => new RelativeBias(table))]);
        _relativePositions = options.RelativePositions is { } positions ? new RelativePositions(positions) : null;
        _convolution = options.Convolution is { } convolution ? new Convolution(convolution) : null;
        _layers = new ModuleList<Block>([.. options.Blocks.Select((block, layer) => new Block(block, layer))]);
        _norm = options.FinalNorm is { } norm ? new Norm(options.Embeddings.Width, norm) : null;
        _projection = options.OutputWidth > 0 ? new Linear(options.Embeddings.Width, options.OutputWidth, bias: false) : null;
        var kinds = options.Blocks.Select(b => b.Attention.Rotary).OfType<RotaryOptions>().Distinct();
        _rotary = kinds.ToDictionary(r => r, r => new Rotary(r));
        RegisterComponents();
    }

    /// <summary>What it was built from.</summary>
    public StackOptions Options { get; }

    /// <summary>
    /// Of every so many blocks one keeps nothing but its input in training, and is computed again in the backward pass (activation
    /// checkpointing); 0: none. Blocks whose routers enter the loss keep all.
    /// </summary>
    public int RecomputeEvery { get; set; }

    /// <inheritdoc/>
    public override int Width => Options.OutputWidth > 0 ? Options.OutputWidth : Options.Embeddings.Width;

    /// <inheritdoc/>
    public override Tensor TokenWeight => _embeddings.TokenWeight;

    /// <summary>What tokens are looked up in.</summary>
    public Embeddings Embeddings => _embeddings;

    /// <inheritdoc/>
    public override Tensor Hidden(ModelInputs inputs)
    {
        using var scope = NewDisposeScope();
        var (B, T) = inputs.Ids.Dims2();
        var offset = inputs.Cache?.Offset ?? 0;
        var length = inputs.Pages?.Longest ?? offset + T;
        if (inputs.Documents is null && Options.Embeddings is { Positions: > 0, Length: var most } && length > most)
            throw new ArgumentException($"a sequence of {length} tokens, the model has {most} positions");
        if (_convolution is not null && inputs.Documents is not null)
            throw new NotSupportedException("this model's convolution would see across packed documents: give each a row");
        var mask = inputs.Cache is { } cache ? cache.ExtendMask(inputs.Mask, B, T) : inputs.Mask; // (B, Tk)
        var positions = inputs.Positions ?? inputs.Pages?.Positions ?? Positions(inputs, mask, offset);
        var context = Context(inputs, mask, positions, offset);
        var x = _embeddings.forward(inputs.Ids, positions, inputs.Segments, inputs.Mask); // (B, T, C)
        for (var layer = 0; layer < _layers.Count; layer++)
        {
            inputs.Trace?.Invoke("hidden_states", x);
            if (layer > 0 && layer < _relativeBias.Count) context = context with { Terms = Terms(inputs, mask, offset, layer) };
            x = Layer(layer, x, inputs, context);
        }
        inputs.Cache?.Advance(T);
        if (_norm is not null) x = _norm.call(x);
        if (_projection is not null) x = _projection.call(x);
        x = Dropout.Apply(x, Options.FinalDropout, training);
        inputs.Trace?.Invoke("hidden_states", x);
        return x.MoveToOuterDisposeScope();
    }

    private Tensor Layer(int layer, Tensor x, ModelInputs inputs, AttentionContext context)
    {
        using var scope = NewDisposeScope();
        var result = Recomputes(layer, context)
            ? Recomputation.Run(x.device, Drops(layer), use => _layers[layer].call(use(x), context.Map(use)))
            : _layers[layer].call(x, context);
        if (layer == 0 && _convolution is not null) result = _convolution.forward(x, result, inputs.Mask);
        x.Dispose();
        return result.MoveToOuterDisposeScope();
    }

    // The last block's activations are needed at once. What a block hands out beside its result cannot come from a second pass.
    private bool Recomputes(int layer, AttentionContext context) =>
        RecomputeEvery > 0 && training && layer % RecomputeEvery == 0 && layer < _layers.Count - 1
        && context is { Cache: null, Routed: null, Weights: null };

    private bool Drops(int layer) => _layers[layer].modules().Prepend(_layers[layer]).OfType<IDropping>().Any(module => module.Drops);

    private AttentionContext Context(ModelInputs inputs, Tensor? mask, Tensor positions, long offset)
    {
        var T = inputs.Ids.shape[1];
        return new AttentionContext
        {
            Rotations = _rotary.ToDictionary(r => r.Key, r => r.Value.At(positions)), Terms = Terms(inputs, mask, offset, layer: 0),
            Relative = _relativePositions?.At(T, mask), Windows = Windows(inputs),
            Cache = inputs.Cache, Pages = inputs.Pages, Memory = inputs.Memory, MemoryTerms = MemoryTerms(inputs),
            Routed = inputs.Trace is { } routes ? logits => routes("router_logits", logits) : null,
            Weights = inputs is { TraceAttention: true, Trace: { } trace } ? weights => trace("attentions", weights) : null,
        };
    }

    private AttentionTerms Terms(ModelInputs inputs, Tensor? mask, long offset, int layer)
    {
        var (T, Tk) = (inputs.Ids.shape[1], offset + inputs.Ids.shape[1]);
        var blind = mask is not null && Options.PaddingIsBlind;
        var uneven = mask is not null && Options.Alibi && !AttentionMask.IsOneRun(mask); // positions that are no places
        var positions = inputs.Pages is { } pages ? arange(pages.Longest, device: inputs.Ids.device) : uneven ? Counted(mask!) : null;
        var terms = new AttentionTerms
        {
            Bias = blind ? AttentionMask.BlindPadding(mask!) : Options.Alibi && positions is not null ? Alibi.Bias(positions, Heads) : null,
            KeyMask = blind ? null : mask?.ne(0), Documents = inputs.Documents, Prefix = inputs.Prefix,
            ByDistance = _relativeBias.Count > 0 ? _relativeBias[layer].ByDistance(T, Tk)
                : Options.Alibi && positions is null ? Alibi.ByDistance(Heads, T, Tk, inputs.Ids.device) : null,
        };
        // The kernels that read no terms of their own share one bias.
        return AttentionKernel.Chosen(s_plain) == AttentionKernelKind.Fused ? terms : terms.Composed(T, Tk);
    }

    /// <summary>What of the memory is seen: no padding, and of packed documents the one that reads.</summary>
    private static AttentionTerms MemoryTerms(ModelInputs inputs) => new()
    {
        KeyMask = inputs.MemoryMask?.ne(0),
        Bias = inputs is { Documents: { } reading, MemoryDocuments: { } read } ? AttentionMask.Documents(reading, read) : null,
    };

    /// <summary>Whole masks for windows, where it shows what padding far from any token sees.</summary>
    private Dictionary<int, Tensor> Windows(ModelInputs inputs)
    {
        if (!Options.PaddingIsScored && !inputs.TraceAttention) return [];
        if (inputs is not { Mask: { } mask, Documents: null, Cache: null }) return [];
        var windowed = Options.Blocks.Select(b => b.Attention).Where(a => a is { Window: > 0, Causal: false });
        return windowed.Select(a => a.Window).Distinct().ToDictionary(w => w, w => AttentionMask.Window(mask, w));
    }

    private int Heads => Options.Blocks[0].Attention.Heads;

    /// <summary>(T), or (B, T) where rows differ.</summary>
    private Tensor Positions(ModelInputs inputs, Tensor? mask, long offset)
    {
        var (ids, embeddings) = (inputs.Ids, Options.Embeddings);
        if (embeddings is { PositionSource: PositionSource.PaddingToken, PaddingToken: { } padding })
        {
            if (inputs.Documents is { } packed) return AttentionMask.PositionsWithin(packed) + padding + 1;
            var tokens = ids.ne(padding).to(ScalarType.Int64);
            return tokens.cumsum(-1) * tokens + padding;
        }
        if (inputs.Documents is { } documents) return AttentionMask.PositionsWithin(documents);
        if (mask is null || embeddings.PositionSource == PositionSource.Index)
            return arange(offset, offset + ids.shape[1], ScalarType.Int64, ids.device);
        var counted = embeddings.PositionSource == PositionSource.Mask ? Counted(mask) : (mask.cumsum(-1) * mask) - 1;
        return counted.narrow(1, offset, ids.shape[1]);
    }

    /// <summary>Positions that count tokens and not padding, whose own, which nobody sees, are its places.</summary>
    private static Tensor Counted(Tensor mask)
        => where(mask.ne(0), mask.to(ScalarType.Int64).cumsum(-1) - 1, arange(mask.shape[1], ScalarType.Int64, mask.device));
}

/// <summary>A stack that reads a text whole.</summary>
public sealed class Encoder(StackOptions options, Embedding? tokens = null) : Stack(nameof(Encoder), options, tokens);

/// <summary>A stack that reads a text from its beginning on and can go on where it stopped.</summary>
public sealed class Decoder(StackOptions options, Embedding? tokens = null) : Stack(nameof(Decoder), options, tokens)
{
    /// <inheritdoc/>
    public override KvCache NewCache(long capacity) => new(Options.Blocks.Select(b => b.Attention.Window), capacity);
}
