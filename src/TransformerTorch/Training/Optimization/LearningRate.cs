using System.Text.Json.Serialization;

namespace TransformerTorch.Training.Optimization;

/// <summary>The course of the learning rate after warm-up, under Transformers' names.</summary>
public enum LrSchedulerType
{
    /// <summary>Straight down.</summary>
    Linear,

    /// <summary>Half a cosine down.</summary>
    Cosine,

    /// <summary>Cosines down, each from the peak.</summary>
    CosineWithRestarts,

    /// <summary>Down as a power of what is left.</summary>
    Polynomial,

    /// <summary>Stays; without warm-up.</summary>
    Constant,

    /// <summary>Stays after warm-up.</summary>
    ConstantWithWarmup,

    /// <summary>One over the root of the step.</summary>
    InverseSqrt,

    /// <summary>Stays, and falls over the last steps.</summary>
    WarmupStableDecay,
}

/// <summary>The form of a rise or fall.</summary>
public enum RampType
{
    /// <summary>Straight.</summary>
    Linear,

    /// <summary>Half a cosine.</summary>
    Cosine,

    /// <summary>One minus a root.</summary>
    [JsonStringEnumMemberName("1-sqrt")]
    OneMinusSqrt,
}

/// <summary>Settings of single schedules; others ignore them.</summary>
public sealed record LrSchedulerKwargs
{
    /// <summary>Waves of <c>cosine</c> (0.5 where not given), restarts of <c>cosine_with_restarts</c> (1).</summary>
    public double? NumCycles { get; init; }

    /// <summary>What <c>polynomial</c> ends at.</summary>
    public double LrEnd { get; init; } = 1e-7;

    /// <summary>The power of <c>polynomial</c>.</summary>
    public double Power { get; init; } = 1;

    /// <summary>Where <c>inverse_sqrt</c> has its full rate; the steps of warm-up where not given.</summary>
    public int? Timescale { get; init; }

    /// <summary>Steps over which <c>warmup_stable_decay</c> falls; a tenth of all where not given.</summary>
    public int? NumDecaySteps { get; init; }

    /// <summary>Steps that <c>warmup_stable_decay</c> stays; all between warm-up and fall where not given.</summary>
    public int? NumStableSteps { get; init; }

    /// <summary>How <c>warmup_stable_decay</c> rises.</summary>
    public RampType WarmupType { get; init; } = RampType.Linear;

    /// <summary>How <c>warmup_stable_decay</c> falls.</summary>
    public RampType DecayType { get; init; } = RampType.Cosine;
}

/// <summary>The learning rate of each step: warm-up from zero, then a schedule; Transformers' values.</summary>
/// <param name="Peak">Reached at the end of warm-up.</param>
/// <param name="WarmupSteps">Steps of warm-up.</param>
/// <param name="TotalSteps">Steps in all.</param>
/// <param name="Type">The schedule.</param>
public sealed record LearningRate(double Peak, int WarmupSteps, int TotalSteps, LrSchedulerType Type)
{
    /// <summary>What linear, cosine and stable decay end at, as a share of <see cref="Peak"/>.</summary>
    public double MinimumRate { get; init; }

    /// <summary>Settings of single schedules.</summary>
    public LrSchedulerKwargs Options { get; init; } = new();

    private bool Stable => Type == LrSchedulerType.WarmupStableDecay;

    /// <summary>The rate of step <paramref name="step"/>, from 0; as in Transformers the first of a warm-up is 0.</summary>
    public double At(int step) => Peak * Factor(step);

    private double Factor(int step)
    {
        if (Type == LrSchedulerType.Constant) return 1;
        if (step < WarmupSteps)
        {
            var risen = step / (double)WarmupSteps;
            return Stable ? Floored(Options.WarmupType == RampType.Cosine ? 0.5 * (1 - Math.Cos(Math.PI * risen))
                : Options.WarmupType == RampType.OneMinusSqrt ? 1 - Math.Sqrt(1 - risen) : risen) : risen;
        }
        if (Stable) return StableDecay(step - WarmupSteps);
        var progress = (step - WarmupSteps) / (double)Math.Max(1, TotalSteps - WarmupSteps);
        return Type switch
        {
            LrSchedulerType.Linear => Floored(Math.Max(0, 1 - progress)),
            LrSchedulerType.Cosine => Floored(Cosine((Options.NumCycles ?? 0.5) * 2 * progress)),
            LrSchedulerType.CosineWithRestarts => Floored(progress >= 1 ? 0 : Cosine((Options.NumCycles ?? 1) * progress % 1.0)),
            LrSchedulerType.Polynomial => Polynomial(progress),
            LrSchedulerType.InverseSqrt => InverseSqrt(step),
            LrSchedulerType.ConstantWithWarmup => 1,
            _ => throw new InvalidOperationException($"{Type}"),
        };
    }

    private double StableDecay(int step)
    {
        var falling = Options.NumDecaySteps ?? TotalSteps / 10;
        var stable = Options.NumStableSteps ?? TotalSteps - WarmupSteps - falling;
        if (step < stable) return 1;
        if (step >= stable + falling) return MinimumRate;
        var progress = (step - stable) / (double)Math.Max(1, falling);
        return Floored(Options.DecayType == RampType.Linear ? 1 - progress : Options.DecayType == RampType.OneMinusSqrt
            ? 1 - Math.Sqrt(progress) : Cosine((Options.NumCycles ?? 0.5) * 2 * progress));
    }

    private double Polynomial(double progress)
    {
        if (progress > 1) return Options.LrEnd / Peak;
        return ((Peak - Options.LrEnd) * Math.Pow(1 - progress, Options.Power) + Options.LrEnd) / Peak;
    }

    private double InverseSqrt(int step)
    {
        var scale = Options.Timescale ?? (WarmupSteps > 0 ? WarmupSteps : 10_000);
        return 1 / Math.Sqrt((step + scale - WarmupSteps) / (double)scale);
    }

    private static double Cosine(double turns) => Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * turns)));

    private double Floored(double factor) => MinimumRate + (1 - MinimumRate) * factor;
}
