namespace TransformerTorch.Tensors;

/// <summary>AdamW's settings.</summary>
public sealed record AdamWOptions
{
    /// <summary>The rate of this step.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Decay of the mean of gradients.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the mean of squared gradients.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the denominator.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay.</summary>
    public double WeightDecay { get; init; } = 0.01;
}

/// <summary>Lion's settings.</summary>
public sealed record LionOptions
{
    /// <summary>The rate of this step.</summary>
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>The momentum's share in a step's direction.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the momentum.</summary>
    public double Beta2 { get; init; } = 0.99;

    /// <summary>Decoupled weight decay.</summary>
    public double WeightDecay { get; init; }
}

/// <summary>Settings of stochastic gradient descent.</summary>
public sealed record SgdOptions
{
    /// <summary>The rate of this step.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Decay of the momentum; 0: none is kept.</summary>
    public double Momentum { get; init; }

    /// <summary>The share of a gradient that is kept out of the momentum.</summary>
    public double Dampening { get; init; }

    /// <summary>Added to the gradient, times the parameter.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Whether the step looks ahead along the momentum.</summary>
    public bool Nesterov { get; init; }
}

/// <summary>Adafactor's settings.</summary>
public sealed record AdafactorOptions
{
    /// <summary>The rate of this step; not used where <see cref="RelativeStep"/> is.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Added to squared gradients.</summary>
    public double Epsilon1 { get; init; } = 1e-30;

    /// <summary>The least size by which <see cref="ScaleParameter"/> scales.</summary>
    public double Epsilon2 { get; init; } = 1e-3;

    /// <summary>A step of a greater root mean square is scaled down to it.</summary>
    public double ClipThreshold { get; init; } = 1;

    /// <summary>The running means' decay at step t is 1 - t to this.</summary>
    public double DecayRate { get; init; } = -0.8;

    /// <summary>Decoupled weight decay.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Whether the rate is relative to the parameter's root mean square.</summary>
    public bool ScaleParameter { get; init; }

    /// <summary>Whether the rate is the smaller of 0.01 and one over the root of the step.</summary>
    public bool RelativeStep { get; init; }

    /// <summary>Whether that begins with a linear warm-up.</summary>
    public bool WarmupInit { get; init; }

    internal double RelativeRate(int step) =>
        RelativeStep ? Math.Min(WarmupInit ? 1e-6 * step : 1e-2, 1 / Math.Sqrt(step)) : LearningRate;
}
