using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.AI;
using Spectre.Console;
using TransformerTorch.AI;
using TransformerTorch.Generation.Batching;
using TransformerTorch.Text.Templates;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace TransformerTorch.Cli;

/// <summary>
/// <c>tt chat</c>: talks with a model in the terminal. What the model says goes to standard output, all else to standard error.
/// </summary>
internal static class ChatCommand
{
    private const string Help =
        "/new forgets the chat, /system TEXT tells the model something beforehand, /exit ends; Ctrl-C stops an answer";

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
    private static readonly Option<string> _type = ServeCommand.WeightType();
    private static readonly IAnsiConsole _aside = AnsiConsole.Create(new()
    {
        Out = new AnsiConsoleOutput(Console.Error), Ansi = Console.IsErrorRedirected ? AnsiSupport.No : AnsiSupport.Detect,
    });

    public static Command Create()
    {
        var command = new Command("chat", $"Talk with a model; an empty line or end of input ends it. {Help}")
        {
            _model, _system, _length, _temperature, _seed, _device, _type,
        };
        command.SetAction(Run);
        return command;
    }

    private static async Task<int> Run(ParseResult parsed, CancellationToken cancellation)
    {
        var device = CommandLine.Device(parsed, _device);
        var folder = await ModelArgument.Folder(parsed.GetRequiredValue(_model), cancellation);
        await using var source = new ModelSource(await ServedModel.LoadAsync(new ModelOptions
        {
            Model = folder, Device = $"{device}", Type = parsed.GetRequiredValue(_type),
        }, cancellation));
        using var client = new TransformerChatClient(source);
        var options = new ChatOptions
        {
            Temperature = parsed.GetValue(_temperature), Seed = parsed.GetValue(_seed), MaxOutputTokens = parsed.GetValue(_length),
            Instructions = parsed.GetValue(_system),
        };
        var turns = new List<ChatMessage>();
        if (!Console.IsInputRedirected) Tell($"{source.Ready!.Name}: {Help}");
        while (await Ask(cancellation) is { Length: > 0 } text and not "/exit")
        {
            if (text[0] != '/') await Answer(client, turns, text, options, cancellation);
            else if (text == "/new") turns.Clear();
            else if (text.StartsWith("/system ", StringComparison.Ordinal)) options.Instructions = text["/system ".Length..].Trim();
            else Tell(Help);
        }
        return CommandLine.Done;
    }

    // Ctrl-C keeps what was said so far; what cannot be answered is as if it had not been asked.
    private static async Task Answer(
        TransformerChatClient client, List<ChatMessage> turns, string text, ChatOptions options, CancellationToken cancellation)
    {
        turns.Add(new ChatMessage(ChatRole.User, text));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var (updates, clock, thinks) = (new List<ChatResponseUpdate>(), Stopwatch.StartNew(), false);
        Interruption.Instead = stop.Cancel;
        try
        {
            await foreach (var update in client.GetStreamingResponseAsync(turns, options, stop.Token))
            {
                updates.Add(update);
                foreach (var thought in update.Contents.OfType<TextReasoningContent>())
                {
                    _aside.MarkupInterpolated($"[dim]{thought.Text}[/]");
                    thinks = true;
                }
                if (thinks && update.Text.Length > 0)
                {
                    _aside.WriteLine();
                    thinks = false;
                }
                Console.Write(update.Text);
                Console.Out.Flush();
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // the user has heard enough
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException or ChatTemplateException or EngineBusyException)
        {
            Tell(e.Message);
            turns.RemoveAt(turns.Count - 1);
            return;
        }
        finally
        {
            Interruption.Instead = null;
        }
        Console.WriteLine();
        var answer = updates.ToChatResponse();
        turns.AddRange(answer.Messages.Count > 0 ? answer.Messages : [new ChatMessage(ChatRole.Assistant, "")]);
        if (!Console.IsInputRedirected && answer.Usage?.OutputTokenCount is > 0 and var count)
            Tell(string.Create(CultureInfo.InvariantCulture, $"{count} tokens, {count / clock.Elapsed.TotalSeconds:0.0} a second"));
    }

    private static async Task<string?> Ask(CancellationToken cancellation)
    {
        if (!Console.IsInputRedirected) _aside.Markup("[bold]> [/]");
        return (await Task.Run(Console.ReadLine, cancellation).WaitAsync(cancellation))?.Trim(); // reading cannot be broken off
    }

    private static void Tell(string text) => _aside.MarkupLineInterpolated($"[dim]{text}[/]");
}
