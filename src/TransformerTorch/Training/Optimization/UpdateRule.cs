using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Optimization;

/// <summary>What a step is made with.</summary>
/// <param name="LearningRate">Of this step and group.</param>
/// <param name="WeightDecay">Of this group.</param>
/// <param name="Step">1 at the first.</param>
public readonly record struct UpdateStep(double LearningRate, double WeightDecay, int Step);

/// <summary>An optimizer's arithmetic: what it keeps for a parameter, and how a group of them is updated.</summary>
public abstract record UpdateRule
{
    /// <summary>The float32 tensors kept for a parameter, from zero: their names and shapes.</summary>
    public abstract (string[] Names, long[][] Shapes) State(Tensor parameter);

    /// <summary>Updates parameters in place.</summary>
    /// <param name="parameters">Parameters with their gradients.</param>
    /// <param name="states">What is kept for each.</param>
    /// <param name="at">Rate, decay, number.</param>
    public abstract void Update(ParameterSet parameters, Tensor[][] states, UpdateStep at);

    /// <summary>One of the tensors kept for each parameter.</summary>
    private protected static Tensor[] Each(Tensor[][] states, int index) => Array.ConvertAll(states, state => state[index]);
}

/// <summary>AdamW (Loshchilov and Hutter, 2017).</summary>
public sealed record AdamW : UpdateRule
{
    /// <summary>Betas and epsilon; rate and decay are the step's.</summary>
    public AdamWOptions Options { get; init; } = new();

    /// <inheritdoc/>
    public override (string[] Names, long[][] Shapes) State(Tensor parameter) =>
        (["exp_avg", "exp_avg_sq"], [parameter.shape, parameter.shape]);

    /// <inheritdoc/>
    public override void Update(ParameterSet parameters, Tensor[][] states, UpdateStep at) =>
        OptimizerOperators.AdamW(parameters, Each(states, 0), Each(states, 1),
            Options with { LearningRate = at.LearningRate, WeightDecay = at.WeightDecay }, at.Step);
}

/// <summary>Lion (Chen et al., 2023): half of AdamW's memory; wants a rate some three to ten times smaller, and more decay.</summary>
public sealed record Lion : UpdateRule
{
    /// <summary>Betas; rate and decay are the step's.</summary>
    public LionOptions Options { get; init; } = new();

    /// <inheritdoc/>
    public override (string[] Names, long[][] Shapes) State(Tensor parameter) => (["exp_avg"], [parameter.shape]);

    /// <inheritdoc/>
    public override void Update(ParameterSet parameters, Tensor[][] states, UpdateStep at) =>
        OptimizerOperators.Lion(parameters, Each(states, 0), Options with { LearningRate = at.LearningRate, WeightDecay = at.WeightDecay });
}

/// <summary>Stochastic gradient descent, with momentum if asked for.</summary>
public sealed record Sgd : UpdateRule
{
    /// <summary>Momentum; rate and decay are the step's.</summary>
    public SgdOptions Options { get; init; } = new();

    /// <inheritdoc/>
    public override (string[] Names, long[][] Shapes) State(Tensor parameter) =>
        Options.Momentum == 0 ? ([], []) : (["momentum_buffer"], [parameter.shape]);

    /// <inheritdoc/>
    public override void Update(ParameterSet parameters, Tensor[][] states, UpdateStep at) =>
        OptimizerOperators.Sgd(parameters, Options.Momentum == 0 ? [] : Each(states, 0),
            Options with { LearningRate = at.LearningRate, WeightDecay = at.WeightDecay }, at.Step);
}

/// <summary>Adafactor (Shazeer and Stern, 2018): of a matrix it keeps a row and a column.</summary>
public sealed record Adafactor : UpdateRule
{
    /// <summary>Epsilons, clipping, decay of means; rate and weight decay are the step's.</summary>
    public AdafactorOptions Options { get; init; } = new();

    /// <inheritdoc/>
    public override (string[] Names, long[][] Shapes) State(Tensor parameter)
    {
        var shape = parameter.shape;
        return shape.Length < 2 ? (["exp_avg_sq"], [shape])
            : (["exp_avg_sq_row", "exp_avg_sq_col"], [shape[..^1], [.. shape[..^2], shape[^1]]]);
    }

    /// <inheritdoc/>
    public override void Update(ParameterSet parameters, Tensor[][] states, UpdateStep at)
    {
        using var nothing = zeros(0);
        OptimizerOperators.Adafactor(parameters, Each(states, 0), Array.ConvertAll(states, state => state.Length > 1 ? state[1] : nothing),
            Options with { LearningRate = at.LearningRate, WeightDecay = at.WeightDecay }, at.Step);
    }
}
