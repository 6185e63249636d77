using System.Diagnostics;
using TransformerTorch.Data;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Objectives;
using TransformerTorch.Training.Optimization;
using static TorchSharp.torch;

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

    /// <summary>Measures on held-out data; none, no evaluation.</summary>
    public Evaluator? Evaluator { get; init; }

    /// <summary>Writes texts with the model as it is; none, no samples.</summary>
    public Action<int>? Sample { get; init; }

    /// <summary>Writes a checkpoint and returns its path.</summary>
    public required Func<LoopState, string> Save { get; init; }
}

/// <summary>The training loop.</summary>
/// <param name="config">The run.</param>
/// <param name="parts">What it works with.</param>
/// <param name="device">Where it computes.</param>
/// <param name="report">Told what happens.</param>
public sealed class Trainer(RunConfig config, TrainerParts parts, Device device, Action<TrainingEvent> report)
{
    private readonly Stopwatch _clock = new();
    private long _tokensSeen, _tokensTimed;
    private EvaluationMetrics? _evaluation;

    /// <summary>Steps done.</summary>
    public int Step { get; private set; }

    /// <summary>The last checkpoint written or resumed from.</summary>
    public string? Checkpoint { get; private set; }

    /// <summary>Goes on from a checkpoint: call it after weights and optimizer are loaded.</summary>
    public void Restore(LoopState state, string checkpoint)
    {
        (Step, _tokensSeen, Checkpoint) = (state.Step, state.TokensSeen, checkpoint);
        new RandomStates(state.Random).Restore(device);
    }

    /// <summary>
    /// Trains to the last step, or until <paramref name="stop"/>: then the step is finished and a checkpoint written.
    /// </summary>
    /// <exception cref="TrainingException">A loss or gradient is not finite.</exception>
    /// <exception cref="IOException">A checkpoint or the metrics cannot be written; earlier checkpoints are untouched.</exception>
    public TrainingResult Run(CancellationToken stop)
    {
        var total = parts.LearningRate.TotalSteps;
        var resumedAt = Step;
        parts.Objective.Model.train();
        while (true)
        {
            var (last, moved) = (Step >= total, Step > resumedAt);     // beyond, where a longer run is resumed
            if (last || (moved && Due(config.EvalSteps))) Evaluate(samples: last ? 0 : config.EvalSamples);
            if (moved && (last || Due(config.SaveSteps) || stop.IsCancellationRequested)) Save();
            if (last || stop.IsCancellationRequested) return new(Step, total, Interrupted: !last, Checkpoint) { Evaluation = _evaluation };

            using var scope = NewDisposeScope();
            _clock.Start();
            var rate = parts.LearningRate.At(Step);
            var batches = Enumerable.Range(0, config.GradientAccumulationSteps).Select(_ => parts.Loader.NextBatch()).ToList();
            var lossOfStep = zeros([], ScalarType.Float32, device);
            foreach (var batch in batches) lossOfStep.add_(ForwardBackward(batch, term => batches.Sum(b => b.TargetsOf(term))));

            var norm = parts.Optimizer.GradientNorm();
            var (loss, gradNorm) = (lossOfStep.item<float>(), norm.item<float>());     // the step's one wait for the device
            if (!float.IsFinite(loss) || !float.IsFinite(gradNorm)) throw NotFinite(loss, gradNorm, rate);
            parts.Optimizer.Update(rate, gradNorm > config.MaxGradNorm && config.MaxGradNorm > 0
                ? config.MaxGradNorm / (norm + 1e-6f) : null);
            Step++;
            var targets = batches.Sum(b => b.TargetCount);
            _tokensSeen += targets;
            _clock.Stop();
            Log(loss, rate, gradNorm, targets);
        }
    }

    private Tensor ForwardBackward(Batch host, Func<string, long> stepTargets)
    {
        using var scope = NewDisposeScope();
        using var batch = new DeviceBatch(host, device);
        Tensor share;
        using (Autocast.Enter(config.Precision, device)) share = parts.Objective.StepLoss(batch, stepTargets);
        share.backward();
        return share.detach().MoveToOuterDisposeScope();
    }

    private bool Due(int every) => every > 0 && Step % every == 0;

    private void Log(double loss, double rate, double gradNorm, long targets)
    {
        _tokensTimed += targets;
        var metrics = new StepMetrics(Step, parts.Loader.Epochs, loss, rate, gradNorm, _tokensTimed / _clock.Elapsed.TotalSeconds,
            _tokensSeen);
        var logged = Step == 1 || Due(config.LoggingSteps) || Step == parts.LearningRate.TotalSteps;
        report(new StepDone(metrics, parts.LearningRate.TotalSteps, logged));
        if (!logged) return;
        _tokensTimed = 0;
        _clock.Reset();
    }

    // Samples draw random numbers; training goes on as if there had been none.
    private void Evaluate(int samples)
    {
        var random = RandomStates.Capture(device);
        if (parts.Evaluator is { } evaluator)
        {
            _evaluation = evaluator.Run(Step, samples);
            report(new Evaluated(_evaluation));
        }
        parts.Sample?.Invoke(Step);
        random.Restore();
    }

    private void Save()
    {
        Checkpoint = parts.Save(new(Step, _tokensSeen, parts.Loader.State, RandomStates.Capture(device).States));
        report(new Saved(Step, Checkpoint));
    }

    private TrainingException NotFinite(double loss, double gradNorm, double rate) => new(
        $"Step {Step + 1}: the {(double.IsFinite(loss) ? $"gradient norm is {gradNorm} (loss {loss:g4})" : $"loss is {loss}")} " +
            $"at learning rate {rate:g3}. " +
        "The weights were not updated. Try a lower learning_rate, more warmup_steps, max_grad_norm: 1, or bf16: false; " +
            "look at the data of this step. " +
        (Checkpoint is null ? "No checkpoint was written yet." : $"The last good checkpoint is {Checkpoint}."));
}
