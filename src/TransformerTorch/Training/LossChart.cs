using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace TransformerTorch.Training;

/// <summary>
/// A run's losses as an SVG picture: each logged training loss thin, their mean over neighbours thick, validation as points, and below them
/// the learning rate. Light or dark as the viewer prefers.
/// </summary>
public sealed record LossChart
{
    private const int Left = 64, Top = 76, Bottom = 384, RateTop = 408, RateBottom = 448, FewPoints = 30;

    private const string Style = """
        .paper{fill:#ffffff}
        text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:12px;fill:#57606a}
        path{fill:none;stroke-linejoin:round;stroke-linecap:round}.grid{stroke:#d8dee4;stroke-width:1}.axis{stroke:#8c959f;stroke-width:1}
        .raw{stroke:#2f6fde;stroke-width:1;opacity:.32}.mean{stroke:#1f5fd0;stroke-width:2.2}.only{fill:#1f5fd0}
        .eval{stroke:#d9480f;stroke-width:1.6}.dot{fill:#d9480f;stroke:#ffffff;stroke-width:1.2}.rate{stroke:#6e7781;stroke-width:1.3}
        text.title{font-size:17px;font-weight:600;fill:#1f2328}.t{fill:#1f5fd0;font-weight:600}.v{fill:#d9480f;font-weight:600}
        @media(prefers-color-scheme:dark){
        .paper{fill:#0d1117}text{fill:#9198a1}text.title{fill:#f0f6fc}.grid{stroke:#262c36}.axis{stroke:#656c76}
        .raw{stroke:#6cb0ff;opacity:.35}.mean{stroke:#6cb0ff}.only{fill:#6cb0ff}
        .eval{stroke:#ff9d5c}.dot{fill:#ff9d5c;stroke:#0d1117}.rate{stroke:#9198a1}.t{fill:#6cb0ff}.v{fill:#ff9d5c}}
        """;

    /// <summary>Pixels across.</summary>
    public int Width { get; init; } = 880;

    private int Right => Width - 136;

    /// <summary>What was trained.</summary>
    public string Title { get; init; } = "Loss";

    /// <summary>What is measured.</summary>
    public string Noun { get; init; } = "loss";

    /// <summary>What <see cref="Training"/> is called.</summary>
    public string TrainingName { get; init; } = "training";

    /// <summary>The training loss of each logged step.</summary>
    public LossCurve Training { get; init; } = new([]);

    /// <summary>The loss on held-out data.</summary>
    public LossCurve Validation { get; init; } = new([]);

    /// <summary>The learning rate of each logged step; without points it is not drawn.</summary>
    public LossCurve LearningRate { get; init; } = new([]);

    /// <summary>Reads a run's <c>metrics.jsonl</c>. Steps that a resumed run took again replace the earlier ones.</summary>
    public static LossChart FromMetrics(IEnumerable<string> lines, string title)
    {
        var curves = new Dictionary<string, List<(long Step, double Value)>> { ["loss"] = [], ["eval_loss"] = [], ["learning_rate"] = [] };
        foreach (var line in lines.Where(line => line.Length > 0))
        {
            if (JsonNode.Parse(line) is not JsonObject values || (long?)values["step"] is not { } step) continue;
            foreach (var (name, points) in curves)
            {
                if (!values.TryGetPropertyValue(name, out var value)) continue;
                while (points.Count > 0 && points[^1].Step >= step) points.RemoveAt(points.Count - 1);
                points.Add((step, value?.GetValueKind() is System.Text.Json.JsonValueKind.Number ? (double)value : double.NaN));
            }
        }
        return new()
        {
            Title = title,
            Training = new(curves["loss"]),
            Validation = new(curves["eval_loss"]),
            LearningRate = new(curves["learning_rate"]),
        };
    }

    /// <summary>The picture.</summary>
    public string ToSvg()
    {
        var rated = LearningRate.Finite.Any();
        var (bottom, height) = rated ? (RateBottom, 496) : (Bottom, 428);
        var mean = Training.Points.Count >= FewPoints ? Training.Smooth() : Training;
        var x = new ChartAxis(Steps(), (Left, Right), ticks: Width / 110);
        var y = new ChartAxis(Losses(mean), (Bottom, Top), ticks: 7);

        var svg = new StringBuilder();
        svg.Append($"""<svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{height}" viewBox="0 0 {Width} {height}" """);
        svg.Append($"""role="img" aria-label="{Text(Title)}">""").Append('\n');
        svg.Append($"<title>{Text(Title)}</title>\n<style>\n{Style}\n</style>\n");
        svg.Append($"""<clipPath id="plot{Width}"><rect x="{Left}" y="{Top - 6}" width="{Right - Left + 6}" """);
        svg.Append($"""height="{Bottom - Top + 12}"/></clipPath>""");
        svg.Append($"""<rect class="paper" width="{Width}" height="{height}" rx="6"/>""").Append('\n');
        Write(svg, Title, Left, 34, style: "title");
        Write(svg, Subtitle(mean), Left, 54);

        foreach (var tick in y.Ticks)
        {
            svg.Append($"""<path class="grid" d="M{Left} {N(y.Pixel(tick))}H{Right}"/>""");
            Write(svg, y.Label(tick), Left - 9, y.Pixel(tick) + 4, anchor: "end");
        }
        foreach (var tick in x.Ticks)
        {
            svg.Append($"""<path class="axis" d="M{N(x.Pixel(tick))} {bottom}v5"/>""");
            Write(svg, x.Label(tick), x.Pixel(tick), bottom + 20, anchor: "middle");
        }
        svg.Append($"""<path class="axis" d="M{Left} {bottom}H{Right}"/>""");
        Write(svg, "step", Right + 28, bottom + 20);

        svg.Append($"<g clip-path=\"url(#plot{Width})\">\n");
        if (mean != Training) Line(svg, "raw", Training, x, y);
        Line(svg, "mean", mean, x, y);
        Line(svg, "eval", Validation, x, y);
        if (Training.Points.Count < FewPoints) Dots(svg, "only", Training, x, y);
        if (Validation.Points.Count < FewPoints * 2) Dots(svg, "dot", Validation, x, y);
        svg.Append("</g>\n");
        if (rated) Rate(svg, x);
        Labels(svg, mean, y);
        return svg.Append("</svg>\n").ToString();
    }

    private (double, double) Steps()
    {
        var steps = Training.Points.Concat(Validation.Points).Select(point => (double)point.Step).DefaultIfEmpty(0).ToList();
        var (min, max) = (steps.Min(), Math.Max(5, steps.Max()));
        return (min <= max / 5 || min == max ? 0 : min, max);
    }

    // Single spikes may leave the picture; what is told by the mean and by validation may not.
    private (double, double) Losses(LossCurve mean)
    {
        var shown = mean.Finite.Concat(Validation.Finite).Select(point => point.Value).ToList();
        if (shown.Count == 0) return (0, 1);
        if (Training.Finite.Any()) shown.AddRange([Training.Quantile(0.002), Training.Quantile(0.998)]);
        var margin = (shown.Max() - shown.Min()) * 0.04;
        return (shown.Min() - margin, shown.Max() + margin);
    }

    private string Subtitle(LossCurve mean)
    {
        var last = Training.Points.Concat(Validation.Points).Select(point => point.Step).DefaultIfEmpty(0).Max();
        if (last == 0) return "no step has been logged yet";
        var parts = new List<string> { $"{last.ToString("N0", CultureInfo.InvariantCulture)} steps" };
        if (mean.Finite.Any()) parts.Add($"{TrainingName} {Noun} {Loss(mean.Finite.Last().Value)}");
        if (Validation.Finite.Any() && Noun == "loss")
        {
            var best = Validation.Finite.MinBy(point => point.Value);
            parts.Add($"best validation loss {Loss(best.Value)} at step {best.Step.ToString("N0", CultureInfo.InvariantCulture)}");
        }
        if (Training.Points.Any(point => !double.IsFinite(point.Value))) parts.Add($"gaps: the {Noun} was not finite");
        return string.Join("  ·  ", parts);
    }

    private void Rate(StringBuilder svg, ChartAxis x)
    {
        var peak = LearningRate.Finite.Max(point => point.Value);
        var y = new ChartAxis((0, peak > 0 ? peak : 1), (RateBottom, RateTop), ticks: 1);
        Line(svg, "rate", LearningRate, x, y);
        Write(svg, peak.ToString("0.##e-0", CultureInfo.InvariantCulture), Left - 9, RateTop + 4, anchor: "end");
        Write(svg, "learning rate", Right + 12, (RateTop + RateBottom) / 2 + 4);
    }

    // Each curve is named where it ends; names that would touch are moved apart.
    private void Labels(StringBuilder svg, LossCurve mean, ChartAxis y)
    {
        var labels = new List<(string Class, string Name, double Value, double At)>();
        void Add(string style, string name, double value) => labels.Add((style, name, value, y.Pixel(value)));
        if (mean.Finite.Any()) Add("t", TrainingName, mean.Finite.Last().Value);
        if (Validation.Finite.Any()) Add("v", "validation", Validation.Finite.Last().Value);
        labels.Sort((a, b) => a.At.CompareTo(b.At));
        var overlap = labels.Count == 2 ? Math.Max(0, 17 - (labels[1].At - labels[0].At)) : 0;
        for (var i = 0; i < labels.Count; i++)
        {
            var (style, name, value, wanted) = labels[i];
            var at = Math.Clamp(wanted + (i == 0 ? -overlap / 2 : overlap / 2), Top + 17 * i, Bottom - 17 * (labels.Count - 1 - i)) + 4;
            Write(svg, $"{name} {Loss(value)}", Right + 12, at, style: style);
        }
    }

    private void Line(StringBuilder svg, string name, LossCurve curve, ChartAxis x, ChartAxis y)
    {
        var (path, open) = (new StringBuilder(), false);
        foreach (var (step, value) in curve.Thin(Right - Left).Points)
        {
            if (double.IsFinite(value)) path.Append(open ? 'L' : 'M').Append(N(x.Pixel(step))).Append(' ').Append(N(y.Pixel(value)));
            open = double.IsFinite(value);
        }
        if (path.Length > 0) svg.Append($"""<path class="{name}" d="{path}"/>""").Append('\n');
    }

    private static void Dots(StringBuilder svg, string name, LossCurve curve, ChartAxis x, ChartAxis y)
    {
        foreach (var (step, value) in curve.Finite)
            svg.Append($"""<circle class="{name}" cx="{N(x.Pixel(step))}" cy="{N(y.Pixel(value))}" r="3.2"/>""").Append('\n');
    }

    private static void Write(StringBuilder svg, string text, double x, double y, string style = "note", string anchor = "start") =>
        svg.Append($"""<text class="{style}" x="{N(x)}" y="{N(y)}" text-anchor="{anchor}">{Text(text)}</text>""").Append('\n');

    private static string Loss(double value) => value.ToString(value >= 100 ? "0" : "0.000", CultureInfo.InvariantCulture);

    private static string N(double pixel) => Math.Clamp(pixel, -1e4, 1e4).ToString("0.#", CultureInfo.InvariantCulture);

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
