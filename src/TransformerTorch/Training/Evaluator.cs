using System.Diagnostics;
using TransformerTorch.Data;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>Measures an objective on held-out windows, in order.</summary>
/// <param name="objective">What is measured.</param>
/// <param name="data">The held-out windows.</param>
/// <param name="batchSize">Windows at once.</param>
public sealed class Evaluator(IObjective objective, PackedTokens data, int batchSize)
{
    /// <summary>What matrix products compute in.</summary>
    public Precision Precision { get; init; } = Precision.Fp32;

    /// <summary>Where the model is.</summary>
    public Device Device { get; init; } = CPU;

    /// <summary>Evaluates the first <paramref name="samples"/> windows, or all where
    /// that is 0. The model comes back in the mode it was in.</summary>
    /// <param name="step">Steps trained so far, for the record.</param>
    /// <param name="samples">How many windows.</param>
    public EvaluationMetrics Run(int step, long samples = 0)
    {
        var clock = Stopwatch.StartNew();
        var windows = samples > 0 ? Math.Min(samples, data.Count()) : data.Count();
        var (lossSum, targets) = (0.0, 0L);
        var training = objective.Model.training;
        objective.Model.eval();
        try
        {
            using var _ = no_grad();
            for (var first = 0L; first < windows; first += batchSize)
            {
                using var scope = NewDisposeScope();
                using var batch = Batch(first, (int)Math.Min(batchSize, windows - first));
                using var autocast = Autocast.Enter(Precision, Device);
                lossSum += objective.LossSum(batch).item<float>();
                targets += batch.TargetCount;
            }
        }
        finally
        {
            objective.Model.train(training);
        }
        var loss = lossSum / targets;
        // The text of the targets: all that is covered but the very first token.
        var bytes = data.File.BytesUpTo(windows * data.Length + 1) - data.File.BytesUpTo(1);
        return new(step, loss, Math.Exp(loss), lossSum / Math.Log(2) / bytes, targets, clock.Elapsed.TotalSeconds);
    }

    private MicroBatch Batch(long first, int rows)
    {
        var width = data.Length + 1;
        var ids = new long[rows * width];
        for (var row = 0; row < rows; row++) data.Read(first + row, 0, ids.AsSpan(row * width, width));
        return objective.Collate(ids, width, Device);
    }
}
