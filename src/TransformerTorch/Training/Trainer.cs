using TransformerTorch.Data;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Optimization;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>The training loop.</summary>
/// <param name="config">The run.</param>
/// <param name="parts">What it works with.</param>
/// <param name="device">Where it computes.</param>
/// <param name="report">Told what happens.</param>
public sealed class Trainer(RunConfig config, TrainerParts parts, Device device, Action<TrainingEvent> report)
{
    private readonly StepBatches _data = new(parts.Loader, config.GradientAccumulationSteps);
    private readonly Passes _passes = new(parts.Objective, config.Precision, device)
    {
        FindsRows = config.AutoFindBatchSize, Tell = message => report(new Warned(message)),
    };
    private GradientScaler? _scaler = config.Fp16 ? new(GradientScaler.Beginning) : null;
    private StepGuard _guard = config.NewGuard(new(0, 0, 0, 0));
    private BestModel _best = config.NewBest(new(null, 0, 0));
    private long _tokensSeen;
    private EvaluationMetrics? _evaluation, _bestEvaluation;

    /// <summary>Steps done, those that were skipped included.</summary>
    public int Step { get; private set; }

    /// <summary>The last checkpoint written or resumed from.</summary>
    public string? Checkpoint { get; private set; }

    private LoopState State => new(Step, _tokensSeen, _data.State, RandomStates.Capture(device).States)
    {
        OptimizerSteps = parts.Optimizer.Steps, Scaler = _scaler?.State, Guard = _guard.State, Best = _best.State, Rows = _passes.Rows,
    };

    /// <summary>Goes on from a checkpoint: call it after weights, average and optimizer are loaded.</summary>
    public void Restore(LoopState state, string checkpoint)
    {
        (Step, _tokensSeen, Checkpoint, _passes.Rows) = (state.Step, state.TokensSeen, checkpoint, state.Rows);
        (_guard, _best) = (config.NewGuard(state.Guard), config.NewBest(state.Best));
        if (_scaler is not null && state.Scaler is { } scaler) _scaler = new(scaler);
        new RandomStates(state.Random).Restore(device);
    }

    /// <summary>
    /// Trains to the last step, or until <paramref name="stop"/>: then the step is finished and a checkpoint written.
    /// </summary>
    /// <exception cref="TrainingException">A loss or gradient is not finite, or memory runs out.</exception>
    /// <exception cref="IOException">A checkpoint or the metrics cannot be written; earlier checkpoints are untouched.</exception>
    public TrainingResult Run(CancellationToken stop)
    {
        var (total, resumedAt) = (parts.LearningRate.TotalSteps, Step);
        using var recorded = config.CudaGraphs ? _passes.RecordSteps(message => report(new Warned(message))) : null;
        parts.Objective.Model.train();
        if (_best.Metric != "loss") CheckMetric();
        while (true)
        {
            var (last, moved) = (Step >= total || parts.Control.Stops, Step > resumedAt);     // beyond, where a longer run is resumed
            var samples = last ? config.LastEvalSamples : config.EvalSamples;
            var better = (last || (moved && EvaluationIsDue)) && Evaluate(samples, counts: moved);
            last |= _best.IsOver;
            if (moved && (last || better || SaveIsDue || stop.IsCancellationRequested)) Save();
            if (last) return Ended(total);
            if (stop.IsCancellationRequested) return new(Step, total, Interrupted: true, Checkpoint) { Evaluation = _evaluation };

            using var scope = NewDisposeScope();
            parts.Throughput.Start();
            var (rate, scale) = (parts.LearningRate.At(parts.Optimizer.Steps), _scaler?.Scale ?? 1);
            parts.Throughput.Wait(_data.Fetch);
            var batches = _data.Take();
            using var waits = DeviceWaits.Forbid(device);
            var stepLoss = _passes.Run(batches, scale);
            if (Step + 1 < total) parts.Throughput.Wait(_data.Fetch);                         // while the device works
            if (config.MaxGradValue > 0) parts.Optimizer.ClipGradientValues(config.MaxGradValue * scale);
            var norm = parts.Optimizer.GradientNorm() / scale;
            var (loss, gradNorm) = DeviceWaits.Allow(device, () => (stepLoss.item<float>(), norm.item<float>()));   // the step's one wait
            if (IsTaken(loss, gradNorm, rate))
            {
                parts.Optimizer.Update(rate, GradientScale(norm, gradNorm, scale));
                parts.Average?.Update();
            }
            else parts.Optimizer.DropGradients();
            Step++;
            Log(loss, rate, gradNorm, batches);
        }
    }

    private bool EvaluationIsDue => parts.Control.TakeEvaluate() | IsDue(config.EvalStrategy, config.EvalSteps);

    private bool SaveIsDue => parts.Control.TakeSave() | IsDue(config.SaveStrategy, config.SaveSteps);

    private bool IsDue(IntervalStrategy strategy, double steps) => strategy switch
    {
        IntervalStrategy.Steps => IsAt(steps),
        IntervalStrategy.Epoch => _data.EndedEpoch,
        _ => false,
    };

    private bool IsAt(double steps) => RunConfig.Steps(steps, parts.LearningRate.TotalSteps) is > 0 and var every && Step % every == 0;

    // In float16 an overflow is the scale's fault as long as the loss is finite and the scale above one.
    private bool IsTaken(double loss, double gradNorm, double rate)
    {
        var overflowed = _scaler is not null && !double.IsFinite(gradNorm);
        _scaler?.Update(overflowed);
        if (overflowed && double.IsFinite(loss) && _scaler!.Scale >= 1)
        {
            _guard.Skip();
            return false;
        }
        var verdict = _guard.Judge(loss, gradNorm);
        if (verdict == Verdict.Stop) throw NotFinite(loss, gradNorm, rate);
        if (verdict == Verdict.Skip)
            report(new Warned($"Step {Step + 1} was skipped: loss {loss:g4}, gradient norm {gradNorm:g4}, " +
                $"usually {_guard.State.UsualNorm:g4}."));
        return verdict == Verdict.Take;
    }

    // What gradients are multiplied by: clipping, and the loss's scale taken back.
    private Tensor? GradientScale(Tensor norm, double gradNorm, double scale)
    {
        if (gradNorm > config.MaxGradNorm && config.MaxGradNorm > 0) return config.MaxGradNorm / (norm + 1e-6f) / scale;
        return scale == 1 ? null : full([], 1 / scale, ScalarType.Float32, device);
    }

    private void Log(double loss, double rate, double gradNorm, IReadOnlyList<Batch> batches)
    {
        var (speed, targets) = (parts.Throughput, batches.Sum(b => b.TargetCount));
        speed.Stop(targets, batches.Sum(b => b.TokenCount));
        _tokensSeen += targets;
        var metrics = new StepMetrics(Step, _data.Epochs, loss, rate, gradNorm, speed.TokensPerSecond, _tokensSeen)
        {
            DataWait = speed.DataWait, Mfu = speed.Mfu, SkippedSteps = _guard.State.Skipped,
        };
        var logged = Step == 1 || IsAt(config.LoggingSteps) || Step == parts.LearningRate.TotalSteps;
        report(new StepDone(metrics, parts.LearningRate.TotalSteps, logged));
        if (logged) speed.Reset();
    }

    // A misspelt metric is told before any step is taken: one example shows what an evaluation gives.
    private void CheckMetric()
    {
        if (parts.Evaluator is { } evaluator) _ = Aside(() => _best.Value(evaluator.Run(Step, samples: 1)));
    }

    // Whether this is the best model to be kept so far.
    private bool Evaluate(int samples, bool counts) => Aside(() =>
    {
        var better = false;
        using (parts.Average?.Applied())
        {
            if (parts.Evaluator is { } evaluator)
            {
                _evaluation = evaluator.Run(Step, samples);
                better = counts && _best.Add(Step, _evaluation);
                if (better) _bestEvaluation = _evaluation;
                report(new Evaluated(_evaluation));
            }
            parts.Sample?.Invoke(Step);
        }
        return better && config.LoadBestModelAtEnd;
    });

    // Evaluations and samples draw random numbers; training goes on as if there had been none.
    private T Aside<T>(Func<T> work)
    {
        var random = RandomStates.Capture(device);
        var result = work();
        random.Restore();
        return result;
    }

    private void Save()
    {
        Checkpoint = parts.Save(State);
        report(new Saved(Step, Checkpoint));
    }

    private TrainingResult Ended(int total)
    {
        var best = config.LoadBestModelAtEnd && _best.State is { Metric: not null } found && found.Step != Step ? found : null;
        if (best is not null) parts.Reload?.Invoke(best.Step);
        return new(Step, total, Interrupted: false, Checkpoint)
        {
            Evaluation = best is null ? _evaluation : _bestEvaluation ?? _evaluation, BestStep = best?.Step ?? Step,
        };
    }

    private TrainingException NotFinite(double loss, double gradNorm, double rate) => new(
        $"Step {Step + 1}: the {(double.IsFinite(loss) ? $"gradient norm is {gradNorm} (loss {loss:g4})" : $"loss is {loss}")} " +
            $"at learning rate {rate:g3}. " +
        $"The weights were not updated. Try a lower learning_rate, more warmup_steps, max_grad_norm: 1, or {PrecisionAdvice}; " +
            "look at the data of this step; or let it be skipped (skip_nonfinite_steps). " +
        (Checkpoint is null ? "No checkpoint was written yet." : $"The last good checkpoint is {Checkpoint}."));

    private string PrecisionAdvice => config.Precision switch
    {
        Precision.Bf16 => "bf16: false", Precision.Fp16 => "bf16: true instead of fp16", Precision.PureBf16 => "pure_bf16: false",
        _ => "lower adam_beta2",
    };
}
