using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.Training.Reports;

/// <summary>
/// Writes what a run leaves for people beside its metrics: TensorBoard events, its samples, <c>run.json</c>, and at each evaluation and at
/// the end <c>report.html</c>.
/// </summary>
/// <param name="folder">the run's output folder</param>
/// <param name="facts">what is known before the first step</param>
internal sealed class RunRecorder(string folder, RunFacts facts) : ITrainingReporter, IDisposable
{
    public const string Samples = "samples.jsonl", Report = "report.html", Events = "tensorboard";
    private TensorBoardWriter? _events;
    private RunFacts _facts = facts;

    void ITrainingReporter.Report(TrainingEvent trainingEvent)
    {
        switch (trainingEvent)
        {
            case Started started:
                Begin(started);
                break;
            case StepDone { Logged: true } step:
                Scalars("train", step.Metrics.Step, Fields(step.Metrics));
                break;
            case Evaluated evaluated:
                Scalars("eval", evaluated.Metrics.Step, Fields(evaluated.Metrics));
                _events?.Flush();
                WriteReport();
                break;
            case Sampled sampled:
                var line = new JsonObject { ["step"] = sampled.Step, ["prompt"] = sampled.Prompt, ["text"] = sampled.Text };
                File.AppendAllText(Path.Combine(folder, Samples), line.ToJsonString() + "\n");
                _events?.Note($"samples/{sampled.Prompt}", sampled.Step, $"**{sampled.Prompt}**{sampled.Text}");
                break;
            case Finished finished:
                _facts = _facts with { Ended = DateTimeOffset.UtcNow, Interrupted = finished.Result.Interrupted };
                _facts.Write(folder);
                WriteReport();
                break;
        }
    }

    public void Dispose() => _events?.Dispose();

    private void Begin(Started started)
    {
        var before = started.Step > 0 ? RunFacts.Read(folder) : null;
        _facts = _facts with
        {
            Started = before is { Started.Ticks: > 0 } ? before.Started : _facts.Started, TotalSteps = started.TotalSteps,
            TokensPerStep = started.TokensPerStep, TrainTokens = started.TrainTokens, ValidationTokens = started.ValidationTokens,
        };
        _facts.Write(folder);
        Forget(started.Step);
        _events = new TensorBoardWriter(Path.Combine(folder, Events), started.Step);
    }

    // A resumed run writes the samples after its checkpoint again.
    private void Forget(int after)
    {
        var path = Path.Combine(folder, Samples);
        if (File.Exists(path)) MetricsLog.DropAfter(path, after);
    }

    private void Scalars(string group, int step, JsonObject fields)
    {
        foreach (var (name, value) in fields)
            if (name != "step" && value?.GetValueKind() == JsonValueKind.Number)
                _events?.Scalar($"{group}/{(name.StartsWith("eval_", StringComparison.Ordinal) ? name[5..] : name)}", step, (double)value);
    }

    private static JsonObject Fields<T>(T metrics) => MetricsLog.Json(metrics);

    private void WriteReport() => RunReport.Write(folder);
}
