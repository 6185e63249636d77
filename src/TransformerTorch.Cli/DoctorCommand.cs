using System.CommandLine;

namespace TransformerTorch.Cli;

/// <summary><c>tt doctor</c>: what this machine gives the engine.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var json = CommandLine.Json();
        var command = new Command("doctor", "Tell what this machine gives: libtorch, BLAS, devices, bridge, and their speed") { json };
        command.SetAction(parsed =>
        {
            var report = MachineReport.Make();
            if (parsed.GetValue(json)) Console.WriteLine(report.ToJson());
            else Console.Write(report.ToText());
            return report.Problem is { } problem ? throw new CommandException(problem) : CommandLine.Done;
        });
        return command;
    }
}
