using System.CommandLine;
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
            var run = new EvaluationRun(config, progress.Report)
            {
                Quantize = parsed.GetValue(quantize) is { } type ? Quantization.Parse(type) : null,
            };
            var figures = MetricsLog.Json(run.Run(parsed.GetValue(model), stop));
            figures.Remove("step");
            if (parsed.GetValue(json)) Console.WriteLine(figures.ToJsonString());
            else
                foreach (var (name, value) in figures)
                    Console.WriteLine($"{name["eval_".Length..],-18}{(double?)value ?? double.NaN:0.######}");
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }
}
