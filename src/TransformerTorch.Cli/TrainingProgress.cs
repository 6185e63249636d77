using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using TransformerTorch.Training;

namespace TransformerTorch.Cli;

/// <summary>
/// Shows a training run on standard error: on a terminal a bar that stays at the bottom, below samples and evaluations; elsewhere plain
/// lines, steps at most every few seconds.
/// </summary>
internal sealed class TrainingProgress : ITrainingReporter
{
    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(2);

    private readonly IAnsiConsole? _terminal = Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") == "dumb"
        ? null
        : AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error), Interactive = InteractionSupport.Yes });

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TimeSpan? _shown;
    private ProgressTask? _bar;
    private Pace? _pace;
    private readonly List<double> _waits = [];

    /// <summary>Time since training was asked for.</summary>
    public TimeSpan Elapsed => _clock.Elapsed;

    /// <summary>The step that it went on after; 0: none.</summary>
    public int ResumedAt { get; private set; }

    /// <summary>The training loss, averaged over the last twenty steps or so: the loss of one batch says little.</summary>
    public double? Loss { get; private set; }

    /// <summary>Of the last step.</summary>
    public double? TokensPerSecond { get; private set; }

    /// <summary>The share of the time in which steps waited for data.</summary>
    public double DataWait => _waits.DefaultIfEmpty().Average();

    /// <summary>Does the work, with the bar where there is a terminal.</summary>
    public T During<T>(Func<T> work)
    {
        if (_terminal is null) return work();
        ProgressColumn[] columns = [new ProgressBarColumn { Width = 24 }, new TaskDescriptionColumn { Alignment = Justify.Left }];
        return _terminal.Progress().AutoClear(true).Columns(columns).Start(context =>
        {
            _bar = context.AddTask("starting");
            return work();
        });
    }

    public void Report(TrainingEvent trainingEvent)
    {
        switch (trainingEvent)
        {
            case Preparing preparing:
                var share = preparing.Total is > 0 and var all ? (double)preparing.Done / all : 0.5;
                Passing($"{preparing.What}{Share(preparing.Done, preparing.Total)}", share);
                break;
            case Started started:
                (_pace, ResumedAt) = (new Pace(started.Step, _clock.Elapsed), started.Step);
                Say($"{Count(started.Parameters)} parameters on {started.Device}; {Count(started.TrainTokens)} tokens to train on, "
                    + $"{Count(started.ValidationTokens)} held out; {Count(started.TokensPerStep)} tokens a step"
                    + (started.Step > 0 ? $"; going on after step {started.Step}" : ""));
                break;
            case StepDone step:
                Step(step);
                break;
            case Evaluated { Metrics: var figures }:
                Say($"step {figures.Step}: validation {Figures(figures)}");
                break;
            case Sampled sample:
                Say($"step {sample.Step}: {Launcher.OneLine(sample.Prompt)}|{Launcher.OneLine(sample.Text)}");
                break;
            case Saved saved:
                Say($"step {saved.Step}: saved {saved.Path}");
                break;
            case Warned warned:
                Say($"note: {warned.Message}");
                break;
        }
    }

    /// <summary>12.3 s, 4 min 05 s, 2 h 03 min.</summary>
    public static string Duration(TimeSpan time) =>
        time.TotalSeconds < 60 ? time.TotalSeconds.ToString("0.0 's'", CultureInfo.InvariantCulture)
        : time.TotalMinutes < 60 ? $"{(int)time.TotalMinutes} min {time.Seconds:00} s"
        : $"{(int)time.TotalHours} h {time.Minutes:00} min";

    /// <summary>An evaluation in words.</summary>
    public static string Figures(EvaluationMetrics figures) =>
        string.Join(", ", FiguresOf(figures));

    private static IEnumerable<string> FiguresOf(EvaluationMetrics figures)
    {
        yield return $"loss {figures.EvalLoss:0.0000}";
        if (figures.EvalPerplexity is { } perplexity) yield return $"perplexity {perplexity:0.00}";
        if (figures.EvalBitsPerByte is { } bits) yield return $"{bits:0.0000} bits per byte";
        foreach (var (name, value) in figures.Scores ?? [])
            yield return $"{name["eval_".Length..].Replace('_', ' ')} {(double)value!:0.####}";
    }

    private void Step(StepDone done)
    {
        var (metrics, total) = (done.Metrics, done.TotalSteps);
        if (double.IsFinite(metrics.Loss)) Loss = Loss + (metrics.Loss - Loss) / Math.Min(20, metrics.Step) ?? metrics.Loss;
        TokensPerSecond = metrics.TokensPerSecond;
        if (done.Logged) _waits.Add(metrics.DataWait);
        var left = _pace is { } pace && metrics.Step < total ? $"  {Duration(pace.Left(metrics.Step, total, _clock.Elapsed))} left" : "";
        var speed = Count((long)metrics.TokensPerSecond);
        Passing($"step {metrics.Step}/{total}  loss {Loss:0.0000}  {speed} tokens/s{left}", (double)metrics.Step / total);
    }

    // What the next such line replaces: on a terminal in place, elsewhere by coming only now and then, and first and last.
    private void Passing(string text, double share)
    {
        if (_bar is { } bar)
        {
            (bar.Value, bar.Description) = (100 * share, Markup.Escape(text));
            return;
        }
        if (share is > 0 and < 1 && _clock.Elapsed - _shown < _pause) return;
        _shown = _clock.Elapsed;
        Console.Error.WriteLine(text);
    }

    private void Say(string text)
    {
        if (_terminal is not null) _terminal.WriteLine(text);
        else Console.Error.WriteLine(text);
    }

    private static string Share(long done, long? total) => total is > 0 ? $": {100 * done / total}%" : done > 0 ? $": {Count(done)}" : "";

    private static string Count(long n) => n switch
    {
        >= 1_000_000_000 => (n / 1e9).ToString("0.00 'G'", CultureInfo.InvariantCulture),
        >= 1_000_000 => (n / 1e6).ToString("0.00 'M'", CultureInfo.InvariantCulture),
        _ => n.ToString("N0", CultureInfo.InvariantCulture),
    };

    /// <summary>Time left, by the steps of this process: those before a resume took their time elsewhere.</summary>
    private sealed record Pace(int From, TimeSpan Since)
    {
        public TimeSpan Left(int step, int total, TimeSpan now) => (now - Since) / Math.Max(1, step - From) * (total - step);
    }
}
