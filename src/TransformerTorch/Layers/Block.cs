using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>Where a block normalises.</summary>
public enum NormPlacement
{
    /// <summary>What goes into each part: <c>x + f(norm(x))</c>.</summary>
    Pre,

    /// <summary>What comes out of the sum: <c>norm(x + f(x))</c>, as in the original.</summary>
    Post,
}

/// <summary>What a <see cref="Block"/> is.</summary>
public sealed record BlockOptions
{
    /// <summary>Its attention.</summary>
    public required AttentionOptions Attention { get; init; }

    /// <summary>Its feed-forward layer.</summary>
    public required FeedForwardOptions FeedForward { get; init; }

    /// <summary>Its norms.</summary>
    public NormOptions Norm { get; init; } = new();

    /// <summary>Where they stand.</summary>
    public NormPlacement Placement { get; init; } = NormPlacement.Pre;

    /// <summary>Dropout on what each part adds, in training.</summary>
    public double Dropout { get; init; }
}

/// <summary>Attention and a feed-forward layer, each added to the residual stream.</summary>
public sealed class Block : nn.Module<Tensor, AttentionContext, Tensor>
{
    private readonly BlockOptions _options;
    [ComponentName(Name = "attention_norm")] private readonly Norm _attentionNorm;
    [ComponentName(Name = "attention")] private readonly Attention _attention;
    [ComponentName(Name = "feed_forward_norm")] private readonly Norm _feedForwardNorm;
    [ComponentName(Name = "feed_forward")] private readonly FeedForward _feedForward;

    /// <summary>The block of one layer.</summary>
    public Block(BlockOptions options, int layer) : base(nameof(Block))
    {
        _options = options;
        _attentionNorm = new Norm(options.Attention.Width, options.Norm);
        _attention = new Attention(options.Attention, layer);
        _feedForwardNorm = new Norm(options.Attention.Width, options.Norm);
        _feedForward = new FeedForward(options.FeedForward);
        RegisterComponents();
    }

    /// <summary>The two projections that write into the residual stream.</summary>
    public IEnumerable<Linear> ResidualOutputs => [_attention.Output, _feedForward.Output];

    /// <summary>(B, T, C) to (B, T, C).</summary>
    public override Tensor forward(Tensor x, AttentionContext context)
    {
        using var scope = NewDisposeScope();
        x = Residual(x, _attentionNorm, y => _attention.call(y, context));
        x = Residual(x, _feedForwardNorm, _feedForward.call);
        return x.MoveToOuterDisposeScope();
    }

    private Tensor Residual(Tensor x, Norm norm, Func<Tensor, Tensor> part)
    {
        using var scope = NewDisposeScope();
        var pre = _options.Placement == NormPlacement.Pre;
        var sum = x + Dropout.Apply(part(pre ? norm.call(x) : x), _options.Dropout, training);
        return (pre ? sum : norm.call(sum)).MoveToOuterDisposeScope();
    }
}
