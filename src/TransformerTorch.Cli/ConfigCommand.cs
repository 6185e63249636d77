using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using TransformerTorch.Configuration;
using TransformerTorch.Training;

namespace TransformerTorch.Cli;

/// <summary><c>tt config</c>: the run file's schema, and whether a run file is right.</summary>
internal static class ConfigCommand
{
    private static readonly JsonSerializerOptions _indented = new()
    {
        WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Command Create() => new("config", "Look at run files") { Schema(), Reference(), Check() };

    private static Command Schema()
    {
        var command = new Command("schema", "Print the JSON Schema of run files, for editors that complete and check YAML");
        command.SetAction(_ =>
        {
            Console.WriteLine(JsonSchema.Of(typeof(RunConfig)).ToJsonString(_indented));
            return CommandLine.Done;
        });
        return command;
    }

    private static Command Reference()
    {
        var command = new Command("reference", "Print the page that explains every key (docs/configuration.md)");
        command.SetAction(_ =>
        {
            Console.Write(ReferencePage.Of(typeof(RunConfig)));
            return CommandLine.Done;
        });
        return command;
    }

    private static Command Check()
    {
        var (path, set) = (RunFile.Path(), RunFile.Overrides());
        var show = new Option<bool>("--show") { Description = "Print the file as resolved, with all that it extends and defaults" };
        var command = new Command("check", "Check a run file; say everything that is wrong, with line and column") { path, set, show };
        command.SetAction(parsed =>
        {
            var config = Yaml.Load<RunConfig>(parsed.GetRequiredValue(path), parsed.GetValue(set));
            Console.Write(parsed.GetValue(show) ? Yaml.Write(config) : $"{parsed.GetRequiredValue(path)}: ok\n");
            return CommandLine.Done;
        });
        return command;
    }
}
