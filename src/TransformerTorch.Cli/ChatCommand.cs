using System.CommandLine;
using Microsoft.Extensions.AI;
using TransformerTorch.AI;

namespace TransformerTorch.Cli;

/// <summary><c>tt chat</c>: talks with a model in the terminal.</summary>
internal static class ChatCommand
{
    private static readonly Option<string> _model = new("--model")
    {
        Description = "The model's folder, or org/name on the hub", HelpName = "DIR", Required = true,
    };
    private static readonly Option<string?> _system = new("--system")
    {
        Description = "What the model is told beforehand", HelpName = "TEXT",
    };
    private static readonly Option<int?> _length = new("--max-new-tokens")
    {
        Description = "At most so many new tokens an answer", HelpName = "N",
    };
    private static readonly Option<float?> _temperature = new("--temperature")
    {
        Description = "0 takes the likeliest token, 1 draws by the model's probabilities", HelpName = "T",
    };
    private static readonly Option<long?> _seed = new("--seed") { Description = "Draw the same answers every time", HelpName = "N" };
    private static readonly Option<string> _device = new("--device")
    {
        Description = "auto, cpu, cuda or cuda:N", DefaultValueFactory = _ => "auto",
    };

    public static Command Create()
    {
        var command = new Command("chat", "Talk with a model; an empty line or end of input ends it")
        {
            _model, _system, _length, _temperature, _seed, _device,
        };
        command.SetAction(Run);
        return command;
    }

    private static async Task<int> Run(ParseResult parsed, CancellationToken cancellation)
    {
        var folder = await ModelArgument.Folder(parsed.GetRequiredValue(_model), cancellation);
        await using var source = new ModelSource(await ServedModel.LoadAsync(
            new ModelOptions { Model = folder, Device = parsed.GetRequiredValue(_device) }, cancellation));
        using var client = new TransformerChatClient(source);
        var options = new ChatOptions
        {
            Temperature = parsed.GetValue(_temperature), Seed = parsed.GetValue(_seed), MaxOutputTokens = parsed.GetValue(_length),
            Instructions = parsed.GetValue(_system),
        };
        var turns = new List<ChatMessage>();
        while (Ask(cancellation) is { Length: > 0 } text)
        {
            turns.Add(new ChatMessage(ChatRole.User, text));
            var updates = new List<ChatResponseUpdate>();
            await foreach (var update in client.GetStreamingResponseAsync(turns, options, cancellation))
            {
                updates.Add(update);
                Console.Write(update.Text);
                Console.Out.Flush();
            }
            Console.WriteLine();
            turns.AddRange(updates.ToChatResponse().Messages);
        }
        return CommandLine.Done;
    }

    private static string? Ask(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (!Console.IsInputRedirected) Console.Error.Write("> ");
        return Console.ReadLine();
    }
}
