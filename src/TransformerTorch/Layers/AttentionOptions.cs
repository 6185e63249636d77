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

    /// <summary>Whether keys and values come from <see cref="AttentionContext.Memory"/> rather than from the stream itself.</summary>
    public bool Cross { get; init; }

    /// <summary>Whether a position sees only those before it.</summary>
    public bool Causal { get; init; } = true;

    /// <summary>A position sees only those nearer than this; 0: all.</summary>
    public int Window { get; init; }

    /// <summary>Multiplies the scores; null: 1/sqrt(D).</summary>
    public double? Scale { get; init; }

    /// <summary>Squashes the scores; 0: not.</summary>
    public double SoftCap { get; init; }

    /// <summary>Dropout on the attention weights, in training.</summary>
    public double Dropout { get; init; }

    /// <summary>Normalises each query and key head before positions enter (Henry et al., 2020); null: not.</summary>
    public NormOptions? QueryKeyNorm { get; init; }

    /// <summary>Rotary positions; null: none here.</summary>
    public RotaryOptions? Rotary { get; init; }

    /// <summary>Terms of relative position in the scores; null: none.</summary>
    public DisentangledOptions? Disentangled { get; init; }
}

/// <summary>What all layers of one forward pass share.</summary>
public sealed record AttentionContext
{
    /// <summary>Cosines and sines of this pass's positions, for each kind of rotary position among the layers.</summary>
    public IReadOnlyDictionary<RotaryOptions, (Tensor Cos, Tensor Sin)> Rotations { get; init; }
        = new Dictionary<RotaryOptions, (Tensor, Tensor)>();

    /// <summary>What is hidden (padding, other documents) and what is added to the scores (relative positions).</summary>
    public AttentionTerms Terms { get; init; } = AttentionTerms.None;

    /// <summary>By window, what is added to the scores of layers that have it, which says all about what is visible there.</summary>
    public IReadOnlyDictionary<int, Tensor> Windows { get; init; } = new Dictionary<int, Tensor>();

    /// <summary>Vectors of relative positions, where layers have terms of them.</summary>
    public RelativeContext? Relative { get; init; }

    /// <summary>Earlier positions' keys and values; null: none.</summary>
    public KvCache? Cache { get; init; }

    /// <summary>Sequences packed into one row, with their pages; null: rows are sequences.</summary>
    public PagedBatch? Pages { get; init; }

    /// <summary>What cross-attention reads: (B, S, C); null where there is none.</summary>
    public Tensor? Memory { get; init; }

    /// <summary>What cross-attention does not see of the memory (padding).</summary>
    public AttentionTerms MemoryTerms { get; init; } = AttentionTerms.None;

    /// <summary>Is given each layer's attention weights (B, H, Tq, Tk), which are computed only then; not kept.</summary>
    public Action<Tensor>? Weights { get; init; }

    /// <summary>Is given the logits (B T, E) of each layer's router, where there are experts; not kept.</summary>
    public Action<Tensor>? Routed { get; init; }

    /// <summary>The same with other tensors in the place of each, always asked for in one order.</summary>
    public AttentionContext Map(Func<Tensor, Tensor> replace) => this with
    {
        Rotations = Rotations.ToDictionary(r => r.Key, r => (replace(r.Value.Cos), replace(r.Value.Sin))),
        Terms = Terms.Map(replace),
        Windows = Windows.ToDictionary(w => w.Key, w => replace(w.Value)),
        Relative = Relative?.Map(replace),
        Memory = Memory is { } memory ? replace(memory) : null,
        MemoryTerms = MemoryTerms.Map(replace),
    };
}
