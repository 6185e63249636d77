using System.Diagnostics.Metrics;

namespace TransformerTorch.Training;

/// <summary>A run's figures for <c>System.Diagnostics.Metrics</c>, under the meter <c>TransformerTorch.Training</c>.</summary>
public sealed class TrainingMeter : ITrainingCallback, IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string Name = "TransformerTorch.Training";

    private readonly Meter _meter = new(Name);
    private readonly Counter<long> _steps, _tokens;
    private readonly Gauge<double> _loss, _gradNorm, _learningRate, _speed, _mfu, _wait, _evaluation;
    private long _seen;

    /// <summary>Makes the instruments.</summary>
    public TrainingMeter()
    {
        _steps = _meter.CreateCounter<long>("transformertorch.train.steps", "{step}", "Optimizer steps");
        _tokens = _meter.CreateCounter<long>("transformertorch.train.tokens", "{token}", "Target tokens trained on");
        _loss = _meter.CreateGauge<double>("transformertorch.train.loss", null, "Loss of the last step");
        _gradNorm = _meter.CreateGauge<double>("transformertorch.train.grad_norm", null, "Norm of its gradients before clipping");
        _learningRate = _meter.CreateGauge<double>("transformertorch.train.learning_rate", null, "Its learning rate");
        _speed = _meter.CreateGauge<double>("transformertorch.train.throughput", "{token}/s", "Target tokens a second");
        _mfu = _meter.CreateGauge<double>("transformertorch.train.mfu", "1", "Share of the device's matrix products' speed");
        _wait = _meter.CreateGauge<double>("transformertorch.train.data_wait", "1", "Share of the time spent waiting for data");
        _evaluation = _meter.CreateGauge<double>("transformertorch.train.eval_loss", null, "Loss on held-out data");
    }

    /// <inheritdoc/>
    public void OnEvent(TrainingEvent happened, TrainingControl control)
    {
        if (happened is Evaluated { Metrics.EvalLoss: var held }) _evaluation.Record(held);
        if (happened is not StepDone { Metrics: var step }) return;
        _steps.Add(1);
        _tokens.Add(step.TokensSeen - _seen);
        _seen = step.TokensSeen;
        _loss.Record(step.Loss);
        _gradNorm.Record(step.GradNorm);
        _learningRate.Record(step.LearningRate);
        _speed.Record(step.TokensPerSecond);
        _mfu.Record(step.Mfu);
        _wait.Record(step.DataWait);
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();
}
