namespace TransformerTorch.Training;

/// <summary>What a <see cref="StepGuard"/> remembers.</summary>
/// <param name="Skipped">Steps skipped in all.</param>
/// <param name="InARow">Of these the last ones, not finite, without a step between them.</param>
/// <param name="UsualNorm">The running mean of gradient norms.</param>
/// <param name="Norms">How many went into it.</param>
public sealed record GuardState(int Skipped, int InARow, double UsualNorm, int Norms);

/// <summary>Whether a step is taken.</summary>
public enum Verdict
{
    /// <summary>It is.</summary>
    Take,

    /// <summary>Its gradients are dropped, and training goes on.</summary>
    Skip,

    /// <summary>Training ends.</summary>
    Stop,
}

/// <summary>Looks at a step's loss and gradients before the weights are changed by them.</summary>
/// <param name="nonFinite">Steps in a row that may be skipped because a loss or gradient is not finite.</param>
/// <param name="spike">Skips a step whose gradient norm is so many times the usual one; 0: none.</param>
/// <param name="state">What it remembers.</param>
public sealed class StepGuard(int nonFinite, double spike, GuardState state)
{
    private const double Memory = 0.98;
    private const int Acquaintance = 50;

    /// <summary>What it remembers.</summary>
    public GuardState State { get; private set; } = state;

    /// <summary>Counts a step that is skipped for another reason.</summary>
    public void Skip() => State = State with { Skipped = State.Skipped + 1, InARow = 0 };

    /// <summary>Judges a step.</summary>
    public Verdict Judge(double loss, double gradNorm)
    {
        if (!double.IsFinite(loss) || !double.IsFinite(gradNorm))
        {
            State = State with { Skipped = State.Skipped + 1, InARow = State.InARow + 1 };
            return State.InARow > nonFinite ? Verdict.Stop : Verdict.Skip;
        }
        if (spike > 0 && State.Norms >= Acquaintance && gradNorm > spike * State.UsualNorm)
        {
            State = State with { Skipped = State.Skipped + 1, InARow = 0 };
            return Verdict.Skip;
        }
        var memory = Math.Min(Memory, State.Norms / (State.Norms + 1.0));
        State = State with { InARow = 0, UsualNorm = memory * State.UsualNorm + (1 - memory) * gradNorm, Norms = State.Norms + 1 };
        return Verdict.Take;
    }
}
