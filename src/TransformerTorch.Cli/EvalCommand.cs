using System.CommandLine;
using System.Text.Json.Nodes;
using TransformerTorch.Configuration;
using TransformerTorch.Layers;
using TransformerTorch.Training;

namespace TransformerTorch.Cli;

/// <summary><c>tt eval</c>: a model's metrics on the held-out data of a run file.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        var (path, set, quantize, json) = (RunFile.Path(), RunFile.Overrides(), CommandLine.Quantize(), CommandLine.Json());
        var model = new Option<string?>("--model")
        {
            Description = "A model's or an adapter's folder, or org/name on the hub [default: model/ in the run's output_dir]",
            HelpName = "DIR",
        };
        var command = new Command("eval", "Measure a model on the held-out data of a run file")
        {
            path, model, quantize, set, json,
        };
        command.SetAction((parsed, stop) =>
        {
            var config = Yaml.Load<RunConfig>(parsed.GetRequiredValue(path), parsed.GetValue(set));
            var progress = new TrainingProgress();
            var type = parsed.GetValue(quantize);
            var run = new EvaluationRun(config, progress.Report) { Quantize = type is null ? null : Quantization.Parse(type) };
            var (whole, quantized) = run.Run(parsed.GetValue(model), stop);
            var (figures, few) = (Figures(whole), quantized is null ? null : Figures(quantized));
            if (parsed.GetValue(json))
            {
                if (few is not null) figures[type!] = few;
                Console.WriteLine(figures.ToJsonString());
                return Task.FromResult(CommandLine.Done);
            }
            if (few is not null) Console.WriteLine($"{"",-18}{"whole",-14}{type}");
            foreach (var (name, value) in figures)
                Console.WriteLine($"{name["eval_".Length..],-18}{Shown(value),-14}{(few is null ? "" : Shown(few[name]))}".TrimEnd());
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }

    private static JsonObject Figures(EvaluationMetrics metrics)
    {
        var figures = MetricsLog.Json(metrics);
        figures.Remove("step");
        return figures;
    }

    private static string Shown(JsonNode? figure)
        => ((double?)figure ?? double.NaN).ToString("0.######", System.Globalization.CultureInfo.CurrentCulture);
}
