using System.CommandLine;
using System.Globalization;
using TransformerTorch.Cli.Bench;

namespace TransformerTorch.Cli;

/// <summary><c>tt bench</c>: how fast this machine trains and runs the benchmark's models, and how fast single operators are.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        var workload = new Argument<string[]>("workload")
        {
            Description = $"Of {string.Join(", ", Workloads.Names)}", HelpName = "WORKLOAD", Arity = ArgumentArity.OneOrMore,
        };
        workload.AcceptOnlyFromAmong([.. Workloads.Names]);
        var dtype = new Option<string>("--dtype")
        {
            Description = "fp32 or bf16; int8 and int4 for inference", DefaultValueFactory = _ => "fp32",
        };
        dtype.AcceptOnlyFromAmong("fp32", "bf16", "int8", "int4");
        var device = new Option<string>("--device") { Description = "auto, cpu, cuda or cuda:N", DefaultValueFactory = _ => "cpu" };
        var steps = new Option<int>("--steps") { Description = "Timed repetitions; the best counts", DefaultValueFactory = _ => 5 };
        var batch = new Option<int?>("--batch") { Description = "Sequences at once, for serve requests, in place of the workload's own" };
        var length = new Option<int?>("--length") { Description = "Tokens of a sequence, in place of the workload's own" };
        foreach (var size in new[] { batch, length })
            size.Validators.Add(given => { if (given.GetValueOrDefault<int?>() < 1) given.AddError($"{size.Name} is at least 1"); });
        var json = CommandLine.Json();
        var command = new Command("bench", "Time a workload: the best of several repetitions")
        {
            workload, dtype, device, steps, batch, length, json,
        };
        command.SetAction((parsed, stop) =>
        {
            var on = CommandLine.Device(parsed, device);
            var run = new BenchRun(parsed.GetRequiredValue(dtype), on, Math.Max(1, parsed.GetValue(steps)))
            {
                Batch = parsed.GetValue(batch), Length = parsed.GetValue(length), Stop = stop,
            };
            foreach (var result in parsed.GetRequiredValue(workload).SelectMany(name => Workloads.Run(name, run)))
                Console.WriteLine(parsed.GetValue(json) ? result.ToJson() : result.ToText());
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }

    /// <summary>A figure in few digits, the same in every culture.</summary>
    public static string Short(double value) => value.ToString(value >= 100 ? "0" : "0.###", CultureInfo.InvariantCulture);
}
