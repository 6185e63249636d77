using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;

namespace TransformerTorch.Training.Reports;

/// <summary>
/// A run in one HTML file that needs no network: figures, curves, evaluations, samples, model, machine, configuration. Made of the files in
/// the run's folder alone, so that it can be made again.
/// </summary>
public static class RunReport
{
    private static readonly string[] s_inTiles = ["eval_perplexity", "eval_bits_per_byte", "eval_accuracy", "eval_f1", "eval_exact_match",
        "eval_rougeL", "eval_bleu", "eval_pearson", "eval_matthews"];

    /// <summary>Writes <c>report.html</c> into a run's folder.</summary>
    public static void Write(string folder)
        => AtomicFile.WriteText(Path.Combine(folder, RunRecorder.Report), Html(folder));

    /// <summary>The page.</summary>
    public static string Html(string folder)
    {
        var (facts, lines) = (RunFacts.Read(folder), Lines(folder, "metrics.jsonl"));
        var title = Path.GetFileName(Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar));
        var steps = lines.Where(l => l.ContainsKey("loss")).ToList();
        var evaluations = lines.Where(l => l.ContainsKey("eval_loss")).ToList();
        var html = new StringBuilder();
        html.Append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
            .Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
            .Append($"<title>{Text(title)}</title>\n<style>\n{ReportStyle.Css}\n</style></head><body><main>\n");
        html.Append($"<header><h1>{Text(title)}</h1><p>{Text(Subtitle(facts, steps))}</p></header>\n");
        Tiles(html, facts, steps, evaluations);
        Charts(html, folder, lines, evaluations);
        if (evaluations.Count > 0) Evaluations(html, evaluations);
        Samples(html, Lines(folder, RunRecorder.Samples));
        html.Append("<div class=\"columns\">");
        Table(html, "Model", ModelRows(facts));
        Table(html, "Machine", [.. facts.Machine.Select(m => (m.Key, m.Value)), ("matrix products", Flops(facts.Peak))]);
        html.Append("</div>\n");
        var config = Path.Combine(folder, "config.yaml");
        if (File.Exists(config))
            html.Append($"<section><h2>Configuration</h2><details><summary>config.yaml, as resolved</summary>")
                .Append($"<pre>{Text(File.ReadAllText(config))}</pre></details></section>\n");
        return html.Append("</main></body></html>\n").ToString();
    }

    private static string Subtitle(RunFacts facts, List<JsonObject> steps)
    {
        var done = steps.Count == 0 ? 0 : (int)steps[^1]["step"]!;
        var state = facts.Ended is null ? $"step {done:N0} of {facts.TotalSteps:N0}, running"
            : facts.Interrupted ? $"stopped after step {done:N0} of {facts.TotalSteps:N0}" : $"{done:N0} steps, finished";
        var time = facts.Ended is { } end ? $" in {Duration(end - facts.Started)}" : "";
        return $"{facts.Model}, {Count(facts.Parameters)} parameters · {state}{time} · begun {facts.Started:yyyy-MM-dd HH:mm} UTC";
    }

    private static void Tiles(StringBuilder html, RunFacts facts, List<JsonObject> steps, List<JsonObject> evaluations)
    {
        html.Append("<section class=\"tiles\">");
        if (steps.Count > 0) Tile("training loss", Number(Mean(steps, "loss", last: 10)));
        if (evaluations.Count > 0)
        {
            if (IsNumber(evaluations[^1]["eval_loss"])) Tile("validation loss", Number((double)evaluations[^1]["eval_loss"]!));
            foreach (var name in s_inTiles.Where(n => IsNumber(evaluations[^1][n])).Take(3))
                Tile(Title(name).ToLowerInvariant(), Number((double)evaluations[^1][name]!));
        }
        if (steps.Count > 0)
        {
            var speed = Mean(steps.Count > 3 ? steps[1..] : steps, "tokens_per_second", steps.Count);
            Tile("tokens a second", Count((long)speed));
            if (facts.Peak > 0) Tile("model FLOPs utilisation", $"{100 * Mean(steps, "mfu", steps.Count):0} %");
            Tile("waiting for data", $"{100 * Mean(steps, "data_wait", steps.Count):0.##} %");
            Tile("tokens seen", Count((long?)steps[^1]["tokens_seen"] ?? 0));
        }
        html.Append("</section>\n");

        void Tile(string name, string value) => html.Append($"<div class=\"tile\"><b>{Text(value)}</b><span>{Text(name)}</span></div>");
    }

    private static void Charts(StringBuilder html, string folder, List<JsonObject> lines, List<JsonObject> evaluations)
    {
        var raw = Path.Combine(folder, "metrics.jsonl");
        html.Append("<section><h2>Curves</h2>").Append(LossChart.FromMetrics(File.Exists(raw) ? ReadLines(raw) : [], "Loss").ToSvg());
        html.Append("<div class=\"charts\">");
        var scores = evaluations.SelectMany(e => e).Where(p => IsNumber(p.Value)).Select(p => p.Key).Distinct()
            .Except(["step", "eval_loss", "eval_tokens", "eval_seconds"]).Where(name => evaluations.Count > 1);
        foreach (var name in scores) html.Append(Chart(name, "validation", validation: true));
        foreach (var name in (string[])["grad_norm", "tokens_per_second"])
            if (lines.Any(l => l.ContainsKey(name))) html.Append(Chart(name, "training", validation: false));
        html.Append("</div></section>\n");

        string Chart(string name, string curve, bool validation)
        {
            var points = new LossCurve([.. lines.Where(l => IsNumber(l[name]))
                .Select(l => ((long)l["step"]!, (double)l[name]!))]);
            var chart = new LossChart { Title = Title(name), Noun = Title(name).ToLowerInvariant(), TrainingName = curve, Width = 448 };
            return (validation ? chart with { Validation = points } : chart with { Training = points }).ToSvg();
        }
    }

    private static void Evaluations(StringBuilder html, List<JsonObject> evaluations)
    {
        var names = evaluations.SelectMany(e => e.Select(p => p.Key)).Distinct().ToList();
        html.Append("<section><h2>Evaluations</h2><div class=\"scroll\"><table><tr>");
        foreach (var name in names) html.Append($"<th>{Text(Title(name).ToLowerInvariant())}</th>");
        html.Append("</tr>");
        foreach (var evaluation in evaluations)
        {
            html.Append("<tr>");
            foreach (var name in names)
                html.Append($"<td>{(IsNumber(evaluation[name]) ? Number((double)evaluation[name]!) : "")}</td>");
            html.Append("</tr>");
        }
        html.Append("</table></div></section>\n");
    }

    private static void Samples(StringBuilder html, List<JsonObject> samples)
    {
        if (samples.Count == 0) return;
        var last = samples.Max(s => (int)s["step"]!);
        html.Append("<section><h2>Samples</h2>");
        foreach (var group in samples.GroupBy(s => (int)s["step"]!).OrderByDescending(g => g.Key))
        {
            html.Append($"<details{(group.Key == last ? " open" : "")}><summary>after step {group.Key:N0}</summary>");
            foreach (var sample in group)
                html.Append($"<p class=\"sample\"><b>{Text($"{sample["prompt"]}")}</b>{Text($"{sample["text"]}")}</p>");
            html.Append("</details>");
        }
        html.Append("</section>\n");
    }

    private static void Table(StringBuilder html, string title, IEnumerable<(string Name, string Value)> rows)
    {
        html.Append($"<section><h2>{Text(title)}</h2><table class=\"facts\">");
        foreach (var (name, value) in rows) html.Append($"<tr><th>{Text(name)}</th><td>{Text(value)}</td></tr>");
        html.Append("</table></section>");
    }

    private static IEnumerable<(string, string)> ModelRows(RunFacts facts) =>
    [
        ("model", facts.Model), ("parameters", $"{facts.Parameters:N0}"),
        ("trained", facts.TrainedParameters == facts.Parameters ? "all"
            : $"{facts.TrainedParameters:N0} ({100.0 * facts.TrainedParameters / Math.Max(1, facts.Parameters):0.##} %)"),
        .. facts.Sizes.Select(s => (s.Key, $"{s.Value:N0}")),
        ("training data", $"{facts.TrainTokens:N0} tokens"), ("held out", $"{facts.ValidationTokens:N0} tokens"),
        ("a step", $"{facts.TokensPerStep:N0} tokens"),
        ("arithmetic", $"{Count((long)facts.FlopsPerToken)} operations a token and {Count((long)facts.FlopsPerTarget)} a target"),
    ];

    private static List<JsonObject> Lines(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        if (!File.Exists(path)) return [];
        return [.. ReadLines(path).Where(l => l.StartsWith('{') && l.EndsWith('}')).Select(l => (JsonObject)JsonNode.Parse(l)!)];
    }

    private static string[] ReadLines(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static double Mean(List<JsonObject> steps, string name, int last)
        => steps.TakeLast(last).Where(s => IsNumber(s[name])).Select(s => (double)s[name]!).DefaultIfEmpty().Average();

    private static bool IsNumber(JsonNode? value) => value?.GetValueKind() == JsonValueKind.Number;

    private static string Title(string name)
    {
        var words = (name.StartsWith("eval_", StringComparison.Ordinal) ? name[5..] : name).Replace('_', ' ');
        return words.Length == 0 ? words : char.ToUpperInvariant(words[0]) + words[1..];
    }

    private static string Number(double value) => value switch
    {
        0 => "0",
        _ when value == Math.Floor(value) && Math.Abs(value) < 1e15 => value.ToString("N0", CultureInfo.InvariantCulture),
        _ when Math.Abs(value) >= 100 => value.ToString("N1", CultureInfo.InvariantCulture),
        _ when Math.Abs(value) >= 10 => value.ToString("0.##", CultureInfo.InvariantCulture),
        _ when Math.Abs(value) < 1e-3 => value.ToString("0.##e-0", CultureInfo.InvariantCulture),
        _ => value.ToString("0.####", CultureInfo.InvariantCulture),
    };

    private static string Count(long value) => value switch
    {
        >= 1_000_000_000 => $"{value / 1e9:0.0#} G",
        >= 1_000_000 => $"{value / 1e6:0.0#} M",
        >= 10_000 => $"{value / 1e3:0.#} k",
        _ => value.ToString("N0", CultureInfo.InvariantCulture),
    };

    private static string Flops(double value) => value >= 1e12 ? $"{value / 1e12:0.#} TFLOP/s" : $"{value / 1e9:0} GFLOP/s";

    private static string Duration(TimeSpan time) => time.TotalHours >= 1 ? $"{(int)time.TotalHours} h {time.Minutes} min"
        : time.TotalMinutes >= 1 ? $"{time.Minutes} min {time.Seconds} s" : $"{time.TotalSeconds:0} s";

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
