using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>How a feed-forward layer is split into experts.</summary>
public sealed record ExpertOptions
{
    /// <summary>E, how many there are.</summary>
    public required int Count { get; init; }

    /// <summary>How many each token is sent to.</summary>
    public required int PerToken { get; init; }

    /// <summary>In training, what comes in is multiplied by numbers as far from 1 as this.</summary>
    public double Jitter { get; init; }
}

/// <summary>
/// Feed-forward layers of which a router sends each token to a few, weighted by the softmax over those few (Jiang et al., 2024).
/// </summary>
public sealed class MixtureOfExperts : nn.Module<Tensor, Tensor>, IDropping
{
    private readonly FeedForwardOptions _options;
    private readonly Func<Tensor, Tensor> _activation;
    [ComponentName(Name = "router")] private readonly Linear _router;
    [ComponentName(Name = "up")] private readonly Parameter _up;
    [ComponentName(Name = "down")] private readonly Parameter _down;
    private QuantizedTensor[]? _quantizedUp, _quantizedDown; // of each expert

    /// <summary>A layer of experts.</summary>
    /// <exception cref="ArgumentException">More experts a token than there are, biases, or an unknown activation.</exception>
    public MixtureOfExperts(FeedForwardOptions options) : base(nameof(MixtureOfExperts))
    {
        var experts = options.Experts ?? throw new ArgumentException("no experts are asked for");
        if (experts.PerToken < 1 || experts.PerToken > experts.Count)
            throw new ArgumentException($"{experts.PerToken} experts a token cannot be, there are {experts.Count}");
        if (options.Bias) throw new ArgumentException("experts have no biases");
        _options = options;
        _activation = FeedForward.Between(options);
        _router = new Linear(options.Width, experts.Count, bias: false);
        _up = Weights.Empty(experts.Count, options.HiddenSize * (options.Gated ? 2L : 1L), options.Width);
        _down = Weights.Empty(experts.Count, options.Width, options.HiddenSize);
        RegisterComponents();
    }

    /// <summary>(E, F, C), gated (E, 2F, C) with gate rows first; zeros where experts are quantized.</summary>
    public Tensor Input => _up;

    /// <summary>(E, C, F); zeros where experts are quantized.</summary>
    public Tensor Output => _down;

    bool IDropping.Drops => _options.Experts!.Jitter > 0;

    /// <summary>
    /// Stores the experts' weights in few bits from now on and gives their own memory back. The router's stay: they are few, and decide.
    /// </summary>
    public void Quantize(Quantization to)
    {
        (_quantizedUp, _quantizedDown) = (Rounded(_up), Rounded(_down));

        QuantizedTensor[] Rounded(Parameter weights)
        {
            using var scope = NewDisposeScope();
            var experts = Enumerable.Range(0, _options.Experts!.Count).Select(expert => weights.select(0, expert));
            QuantizedTensor[] rounded = [.. experts.Select(w => QuantizedOperators.Quantize(w, to.Bits, to.Group).Detached())];
            Weights.Release(weights);
            return rounded;
        }
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => Run(input, routed: null);

    /// <summary>As <see cref="forward"/>.</summary>
    /// <param name="input">(B, T, C)</param>
    /// <param name="routed">is given the router's logits (B T, E); not kept</param>
    public Tensor Run(Tensor input, Action<Tensor>? routed)
    {
        using var scope = NewDisposeScope();
        var (B, T, C) = input.Dims3();
        var rows = input.reshape(B * T, C);
        var jitter = training ? _options.Experts!.Jitter : 0;
        if (jitter > 0) rows = rows * empty_like(rows, requires_grad: false).uniform_(1 - jitter, 1 + jitter);
        var logits = _router.call(rows); // (N, E)
        routed?.Invoke(logits);
        var (chosen, experts) = logits.to(ScalarType.Float32).softmax(-1).topk(_options.Experts!.PerToken, -1); // (N, k)
        var shares = chosen / chosen.sum(-1, keepdim: true);
        var result = zeros_like(rows);
        for (var expert = 0; expert < _options.Experts.Count; expert++)
        {
            var at = experts.eq(expert).nonzero(); // (M, 2): row, choice
            if (at.shape[0] == 0) continue;
            var row = at.select(1, 0);
            var share = shares.index([row, at.select(1, 1)]).unsqueeze(-1).to(rows.dtype); // (M, 1)
            var up = Product(rows.index_select(0, row), _up, _quantizedUp, expert); // (M, F or 2F)
            var output = Product(_activation(up), _down, _quantizedDown, expert); // (M, C)
            result = result.index_add(0, row, (output * share).to(result.dtype), 1);
        }
        return result.view(B, T, C).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) foreach (var weight in (_quantizedUp ?? []).Concat(_quantizedDown ?? [])) weight.Dispose();
        base.Dispose(disposing);
    }

    private static Tensor Product(Tensor x, Tensor weights, QuantizedTensor[]? quantized, int expert) => quantized is null
        ? Operators.Linear(x, weights.select(0, expert), bias: null) : QuantizedOperators.Linear(x, quantized[expert], bias: null);
}
