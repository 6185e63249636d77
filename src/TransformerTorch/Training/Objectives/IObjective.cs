using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Objectives;

/// <summary>What is learnt, by which model: how a batch becomes a loss.</summary>
public interface IObjective
{
    /// <summary>What is trained and checkpointed.</summary>
    nn.Module Model { get; }

    /// <summary>
    /// The parts of a batch's loss, float32 sums. Their counts are known on the host before (<c>Batch.TargetsOf(term.Name)</c>), so that
    /// a step of several batches divides by its own (<see cref="ObjectiveExtensions.StepLoss"/>).
    /// </summary>
    IReadOnlyList<LossTerm> Loss(DeviceBatch batch);

    /// <summary>What the model says of a batch, by published name (<c>logits</c>, <c>start_logits</c>, ...).</summary>
    IReadOnlyDictionary<string, Tensor> Predict(DeviceBatch batch);
}

/// <summary>What follows from an objective's parts.</summary>
public static class ObjectiveExtensions
{
    /// <summary>
    /// A batch's share in the loss of its step, a float32 scalar: each term divided by its targets in the whole step, so that batches weigh
    /// by their targets (a mean of means would not). The shares of a step's batches add up to its loss.
    /// </summary>
    /// <param name="objective">The objective.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="stepTargets">The targets of the step's batches together, by term: the sum of their <c>TargetsOf(term)</c>.</param>
    public static Tensor StepLoss(this IObjective objective, DeviceBatch batch, Func<string, long> stepTargets)
    {
        using var scope = NewDisposeScope();
        var shares = objective.Loss(batch).Select(term => Weighted(term.Sum / Math.Max(1, stepTargets(term.Name)), term.Weight));
        return shares.Aggregate((a, b) => a + b).MoveToOuterDisposeScope();

        static Tensor Weighted(Tensor mean, double weight) => weight == 1 ? mean : mean * weight;
    }
}
