namespace TransformerTorch.Training.Optimization;

/// <summary>Where a <see cref="GradientScaler"/> stands.</summary>
/// <param name="Scale">What the loss is multiplied by.</param>
/// <param name="Good">Steps without overflow since it last changed.</param>
public sealed record ScalerState(double Scale, int Good);

/// <summary>
/// Scales the loss in float16, whose gradients would else be rounded to zero, as PyTorch's GradScaler does: half after a step that
/// overflowed, which is skipped; twice after so many that did not.
/// </summary>
public sealed class GradientScaler(ScalerState state)
{
    private const double Growth = 2, Backoff = 0.5;

    /// <summary>PyTorch's first scale.</summary>
    public static ScalerState Beginning { get; } = new(65536, 0);

    /// <summary>Steps without overflow after which the scale grows.</summary>
    public int GrowthInterval { get; init; } = 2000;

    /// <summary>Where it stands.</summary>
    public ScalerState State { get; private set; } = state;

    /// <summary>What the loss is multiplied by, and gradients are divided by.</summary>
    public double Scale => State.Scale;

    /// <summary>Learns how a step went.</summary>
    public void Update(bool overflowed) => State = overflowed ? new(Scale * Backoff, 0)
        : State.Good + 1 == GrowthInterval ? new(Scale * Growth, 0) : State with { Good = State.Good + 1 };
}
