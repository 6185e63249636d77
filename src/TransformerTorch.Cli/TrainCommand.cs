using System.CommandLine;
using System.Text.Json.Nodes;
using TransformerTorch.Configuration;
using TransformerTorch.Tensors;
using TransformerTorch.Training;
using TransformerTorch.Training.Objectives;

namespace TransformerTorch.Cli;

/// <summary><c>tt train</c>: trains or fine-tunes as a run file says, from the start or from a checkpoint.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var (path, set, json) = (RunFile.Path(), RunFile.Overrides(), CommandLine.Json());
        var resume = new Option<string?>("--resume")
        {
            Description = "Go on from a checkpoint: the given one, or the newest that is whole",
            HelpName = "CHECKPOINT",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("train", "Train or fine-tune a model as a run file says") { path, set, resume, json };
        command.SetAction((parsed, stop) =>
        {
            var config = Yaml.Load<RunConfig>(parsed.GetRequiredValue(path), parsed.GetValue(set));
            var progress = new TrainingProgress();
            NativeBridge.Tell = missing => progress.Report(new Warned(missing));
            using var meter = new TrainingMeter();
            var run = new TrainingRun(config, progress) { Sampler = Samples.Of(config), Callbacks = [meter] };
            var resumes = parsed.GetResult(resume) is not null;
            var result = progress.During(() => resumes ? run.Resume(parsed.GetValue(resume), stop) : run.Start(stop));

            if (result.Interrupted)
                Console.Error.WriteLine($"\nStopped after step {result.Step} of {result.TotalSteps}. To go on:\n  {ResumeCommand(parsed)}");
            else Summary(config, result, progress);
            if (parsed.GetValue(json)) Console.WriteLine(Line(config, result, progress));
            return Task.FromResult(result.Interrupted ? CommandLine.Interrupted : CommandLine.Done);
        });
        return command;
    }

    // The same command again, options and all, with a --resume.
    private static string ResumeCommand(ParseResult parsed)
    {
        var words = parsed.Tokens.Select(token => token.Value).ToList();
        if (words.IndexOf("--resume") is var at and >= 0)
        {
            var named = parsed.GetValue<string?>("--resume") is { } checkpoint && words.ElementAtOrDefault(at + 1) == checkpoint;
            words.RemoveRange(at, named ? 2 : 1);
        }
        return $"{Launcher.Name} {string.Join(' ', words.Select(Launcher.Quote))} --resume";
    }

    private static void Summary(RunConfig config, TrainingResult result, TrainingProgress progress)
    {
        var here = progress.ResumedAt > 0 ? $", {result.Step - progress.ResumedAt} of them now" : "";
        var lines = new List<(string, string)> { ("steps", $"{result.Step}{here} in {TrainingProgress.Duration(progress.Elapsed)}") };
        if (progress.Loss is { } loss) lines.Add(("loss", $"{loss:0.0000}"));
        if (result.Evaluation is { } evaluation)
            lines.Add(("validation", TrainingProgress.Figures(evaluation)));
        if (result.BestStep != result.Step) lines.Add(("best", $"step {result.BestStep}, whose weights are exported"));
        if (progress.TokensPerSecond is { } speed)
            lines.Add(("speed", $"{speed:N0} tokens/s, {100 * progress.DataWait:0.##} % of the time waiting for data"));
        lines.Add(("curves", Path.Combine(config.OutputDir, "loss.svg")));
        if (result.ModelFolder is { } model)
        {
            lines.Add(("model", model));
            if (ToTry(config, Launcher.Quote(model)) is { } command) lines.Add(("try it", $"{Launcher.Name} {command}"));
        }
        Console.WriteLine();
        foreach (var (name, value) in lines) Console.WriteLine($"{name,-12}{value}");
    }

    // How to see what was learnt, where a command shows it.
    private static string? ToTry(RunConfig config, string model)
    {
        var text = config.Sample.Prompts is [var first, ..] ? first : "Hello";
        return config.Objective switch
        {
            CausalLanguageModelingConfig => $"generate --model {model} --prompt {Launcher.Quote(text)}",
            SequenceToSequenceConfig writing => $"generate --model {model} --prompt {Launcher.Quote($"{writing.SourcePrefix}...")}",
            ChatConfig => $"chat --model {model}",
            SequenceClassificationConfig or TokenClassificationConfig => $"predict --model {model} {Launcher.Quote(text)}",
            QuestionAnsweringConfig => $"predict --model {model} --question QUESTION TEXT",
            MaskedLanguageModelingConfig => $"predict --model {model} TEXT",
            _ => null,
        };
    }

    private static string Line(RunConfig config, TrainingResult result, TrainingProgress progress)
    {
        var line = new JsonObject
        {
            ["step"] = result.Step,
            ["total_steps"] = result.TotalSteps,
            ["interrupted"] = result.Interrupted,
            ["seconds"] = Math.Round(progress.Elapsed.TotalSeconds, 3),
            ["loss"] = progress.Loss,
            ["tokens_per_second"] = progress.TokensPerSecond,
            ["data_wait"] = progress.DataWait,
            ["output_dir"] = config.OutputDir,
            ["checkpoint"] = result.Checkpoint,
            ["model"] = result.ModelFolder,
        };
        if (result.Evaluation is { } figures)
            foreach (var (name, value) in MetricsLog.Json(figures))
                if (name != "step") line[name] = value?.DeepClone();
        return line.ToJsonString();
    }
}
