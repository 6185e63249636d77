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

    /// <summary>What goes into each part and what comes out of it: <c>x + norm(f(norm(x)))</c>.</summary>
    Sandwich,

    /// <summary>What goes into both parts, which stand side by side: <c>x + attention(norm(x)) + feed_forward(norm(x))</c>.</summary>
    Parallel,
}

/// <summary>What a <see cref="Block"/> is.</summary>
public sealed record BlockOptions
{
    /// <summary>Its attention.</summary>
    public required AttentionOptions Attention { get; init; }

    /// <summary>Its attention over a memory; null: none.</summary>
    public AttentionOptions? CrossAttention { get; init; }

    /// <summary>Its feed-forward layer.</summary>
    public required FeedForwardOptions FeedForward { get; init; }

    /// <summary>Its norms.</summary>
    public NormOptions Norm { get; init; } = new();

    /// <summary>Where they stand.</summary>
    public NormPlacement Placement { get; init; } = NormPlacement.Pre;

    /// <summary>Whether there is a norm before attention; a first block right after the embeddings' norm may have none.</summary>
    public bool AttentionNorm { get; init; } = true;

    /// <summary>Whether parallel parts share one norm.</summary>
    public bool SharedNorm { get; init; }

    /// <summary>Whether a part is added to its normalised input instead of to the stream.</summary>
    public bool ResidualFromNorm { get; init; }

    /// <summary>Dropout on what each part adds, in training.</summary>
    public double Dropout { get; init; }
}

/// <summary>Attention, cross-attention where there is any, and a feed-forward layer, each added to the residual stream.</summary>
public sealed class Block : nn.Module<Tensor, AttentionContext, Tensor>, IDropping
{
    private readonly BlockOptions _options;
    [ComponentName(Name = "attention_norm")] private readonly Norm? _attentionNorm;
    [ComponentName(Name = "attention")] private readonly Attention _attention;
    [ComponentName(Name = "attention_output_norm")] private readonly Norm? _attentionOutputNorm;
    [ComponentName(Name = "cross_attention_norm")] private readonly Norm? _crossAttentionNorm;
    [ComponentName(Name = "cross_attention")] private readonly Attention? _crossAttention;
    [ComponentName(Name = "feed_forward_norm")] private readonly Norm? _feedForwardNorm;
    [ComponentName(Name = "feed_forward")] private readonly nn.Module<Tensor, Tensor> _feedForward;
    [ComponentName(Name = "feed_forward_output_norm")] private readonly Norm? _feedForwardOutputNorm;

    /// <summary>The block of one layer.</summary>
    public Block(BlockOptions options, int layer) : base(nameof(Block))
    {
        _options = options;
        var sandwich = options.Placement == NormPlacement.Sandwich;
        _attentionNorm = New(options.AttentionNorm);
        _attention = new Attention(options.Attention, layer);
        _attentionOutputNorm = New(sandwich);
        _crossAttention = options.CrossAttention is { } cross ? new Attention(cross, layer) : null;
        _crossAttentionNorm = New(_crossAttention is not null);
        _feedForwardNorm = New(!options.SharedNorm);
        var feedForward = options.FeedForward;
        _feedForward = feedForward.Experts is null ? new FeedForward(feedForward) : new MixtureOfExperts(feedForward);
        _feedForwardOutputNorm = New(sandwich);
        RegisterComponents();

        Norm? New(bool wanted) => wanted ? new Norm(options.Attention.Width, options.Norm) : null;
    }

    /// <summary>The weights of the projections that write into the residual stream.</summary>
    public IEnumerable<Tensor> ResidualOutputs
        => [_attention.Output.Weight, .. _crossAttention is { } cross ? [cross.Output.Weight] : Array.Empty<Tensor>(),
            _feedForward is FeedForward dense ? dense.Output.Weight : ((MixtureOfExperts)_feedForward).Output];

    bool IDropping.Drops => _options.Dropout > 0;

    /// <summary>(B, T, C) to (B, T, C).</summary>
    public override Tensor forward(Tensor x, AttentionContext context)
    {
        using var scope = NewDisposeScope();
        if (_options.Placement == NormPlacement.Parallel) return Parallel(x, context).MoveToOuterDisposeScope();
        var stream = (Sum: x, Added: (Tensor?)null);
        stream = Residual(stream, _attentionNorm, y => _attention.call(y, context), _attentionOutputNorm);
        if (_crossAttention is { } cross) stream = Residual(stream, _crossAttentionNorm, y => cross.call(y, context));
        stream = Residual(stream, _feedForwardNorm, y => Feed(y, context), _feedForwardOutputNorm);
        return (stream.Added is { } added ? stream.Sum + added : stream.Sum).MoveToOuterDisposeScope();
    }

    /// <summary>One part on the stream, whose last addition is still to be made: a norm that follows makes it on its way.</summary>
    private (Tensor Sum, Tensor? Added) Residual(
        (Tensor Sum, Tensor? Added) stream, Norm? norm, Func<Tensor, Tensor> part, Norm? outputNorm = null)
    {
        var (x, input) = _options.Placement == NormPlacement.Post ? (stream.Sum, stream.Sum) : Combined(stream, norm);
        var output = Dropout.Apply(Normed(part(input), outputNorm), _options.Dropout, training);
        var kept = _options.ResidualFromNorm ? input : x;
        return _options.Placement == NormPlacement.Post ? (Combined((kept, output), norm).Normed, null) : (kept, output);
    }

    private static (Tensor Sum, Tensor Normed) Combined((Tensor Sum, Tensor? Added) stream, Norm? norm)
    {
        if (stream.Added is not { } added) return (stream.Sum, Normed(stream.Sum, norm));
        if (norm is not null) return norm.Add(stream.Sum, added);
        var sum = stream.Sum + added;
        return (sum, sum);
    }

    private Tensor Parallel(Tensor x, AttentionContext context)
    {
        var input = Normed(x, _attentionNorm);
        var attended = Dropout.Apply(_attention.call(input, context), _options.Dropout, training);
        var fed = Feed(_options.SharedNorm ? input : Normed(x, _feedForwardNorm), context);
        return x + attended + Dropout.Apply(fed, _options.Dropout, training);
    }

    private Tensor Feed(Tensor x, AttentionContext context)
        => _feedForward is MixtureOfExperts experts ? experts.Run(x, context.Routed) : _feedForward.call(x);

    private static Tensor Normed(Tensor x, Norm? norm) => norm is null ? x : norm.call(x);
}
