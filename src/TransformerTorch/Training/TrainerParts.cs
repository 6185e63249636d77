using TransformerTorch.Data;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Objectives;
using TransformerTorch.Training.Optimization;

namespace TransformerTorch.Training;

/// <summary>What a <see cref="Trainer"/> works with.</summary>
public sealed record TrainerParts
{
    /// <summary>What is learnt, by which model.</summary>
    public required IObjective Objective { get; init; }

    /// <summary>Updates the model.</summary>
    public required Optimizer Optimizer { get; init; }

    /// <summary>The rate of each step.</summary>
    public required LearningRate LearningRate { get; init; }

    /// <summary>Gives the batches.</summary>
    public required IBatchLoader Loader { get; init; }

    /// <summary>Averages the weights; none, no average.</summary>
    public WeightAverage? Average { get; init; }

    /// <summary>Measures on held-out data; none, no evaluation.</summary>
    public Evaluator? Evaluator { get; init; }

    /// <summary>Measures the speed.</summary>
    public Throughput Throughput { get; init; } = new();

    /// <summary>What callbacks ask for.</summary>
    public TrainingControl Control { get; init; } = new();

    /// <summary>Writes texts with the model as it is; none, no samples.</summary>
    public Action<int>? Sample { get; init; }

    /// <summary>Writes a checkpoint and returns its path.</summary>
    public required Func<LoopState, string> Save { get; init; }

    /// <summary>Loads the weights of the checkpoint of a step.</summary>
    public Action<int>? Reload { get; init; }
}
