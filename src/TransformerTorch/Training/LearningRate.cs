namespace TransformerTorch.Training;

/// <summary>The course of the learning rate after warm-up.</summary>
public enum LrSchedulerType
{
    /// <summary>Straight down.</summary>
    Linear,
    /// <summary>Half a cosine down.</summary>
    Cosine,
    /// <summary>Stays.</summary>
    Constant,
}

/// <summary>The learning rate of each step: linear warm-up, then a decay to a share of the peak at the last step.</summary>
/// <param name="Peak">Reached at the end of warm-up.</param>
/// <param name="WarmupSteps">Steps of warm-up.</param>
/// <param name="TotalSteps">Steps in all.</param>
/// <param name="Type">The decay.</param>
public sealed record LearningRate(double Peak, int WarmupSteps, int TotalSteps, LrSchedulerType Type)
{
    /// <summary>What the decay ends at, as a share of <see cref="Peak"/>.</summary>
    public double MinimumRate { get; init; }

    /// <summary>The rate of step <paramref name="step"/>, from 0. The first is already above zero: no step is wasted.</summary>
    public double At(int step)
    {
        if (step < WarmupSteps) return Peak * (step + 1) / (WarmupSteps + 1);
        var progress = Math.Clamp((step - WarmupSteps) / (double)Math.Max(1, TotalSteps - WarmupSteps), 0, 1);
        var remaining = Type switch
        {
            LrSchedulerType.Linear => 1 - progress,
            LrSchedulerType.Cosine => 0.5 * (1 + Math.Cos(Math.PI * progress)),
            LrSchedulerType.Constant => 1,
            _ => throw new InvalidOperationException($"{Type}"),
        };
        return Peak * (MinimumRate + (1 - MinimumRate) * remaining);
    }
}
