using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>What a <see cref="FeedForward"/> is.</summary>
public sealed record FeedForwardOptions
{
    /// <summary>C, the width of the residual stream.</summary>
    public required int Width { get; init; }

    /// <summary>The width between the two projections.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>One of <see cref="Activation.Names"/>.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>Whether the activation gates a second projection (Shazeer, 2020).</summary>
    public bool Gated { get; init; }

    /// <summary>Whether the projections have biases.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Dropout between the two projections, in training.</summary>
    public double Dropout { get; init; }

    /// <summary>Dropout after the second, in training.</summary>
    public double OutputDropout { get; init; }

    /// <summary>Splits it into experts; null: not.</summary>
    public ExpertOptions? Experts { get; init; }
}

/// <summary><c>down(f(up(x)))</c>, or gated <c>down(f(gate(x)) * up(x))</c> with gate and up as one product, in that order.</summary>
public sealed class FeedForward : nn.Module<Tensor, Tensor>, IDropping
{
    private readonly FeedForwardOptions _options;
    [ComponentName(Name = "up")] private readonly Linear _up;
    [ComponentName(Name = "down")] private readonly Linear _down;

    /// <summary>A feed-forward layer.</summary>
    /// <exception cref="ArgumentException">Unknown activation.</exception>
    public FeedForward(FeedForwardOptions options) : base(nameof(FeedForward))
    {
        _options = options;
        _ = Between(options); // an unknown activation fails here
        _up = new Linear(options.Width, options.HiddenSize * (options.Gated ? 2L : 1L), options.Bias);
        _down = new Linear(options.HiddenSize, options.Width, options.Bias);
        RegisterComponents();
    }

    /// <summary>The projection back into the residual stream.</summary>
    public Linear Output => _down;

    bool IDropping.Drops => _options.Dropout > 0 || _options.OutputDropout > 0;

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var hidden = Dropout.Apply(_up.Activated(input, _options.Activation, _options.Gated), _options.Dropout, training); // (B, T, F)
        return Dropout.Apply(_down.call(hidden), _options.OutputDropout, training).MoveToOuterDisposeScope();
    }

    /// <summary>What stands between the projections: (..., F), or gated (..., 2F), to (..., F).</summary>
    internal static Func<Tensor, Tensor> Between(FeedForwardOptions options)
        => options.Gated ? Activation.Gated(options.Activation) : Activation.Named(options.Activation);
}
