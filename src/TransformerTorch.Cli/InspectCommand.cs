using System.CommandLine;

namespace TransformerTorch.Cli;

/// <summary><c>tt inspect</c>: what a model folder holds, without loading it.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("DIR") { Description = "A model's folder, or org/name on the hub" };
        var json = CommandLine.Json();
        var command = new Command("inspect", "Tell a model's family, sizes, parameters by part, files, and memory to train and to serve")
        {
            model, json,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            var report = ModelReport.Of(await ModelArgument.Folder(parsed.GetRequiredValue(model), cancellation));
            Console.Write(parsed.GetValue(json) ? report.ToJson() + "\n" : report.ToText());
            return CommandLine.Done;
        });
        return command;
    }
}
