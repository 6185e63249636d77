using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Reflection;
using TransformerTorch.Configuration;
using TransformerTorch.Layers;
using TransformerTorch.Tensors;

namespace TransformerTorch.Cli;

/// <summary>What a command may throw to end with exit code 1: the work failed for a reason that needs no stack trace.</summary>
internal sealed class CommandException(string message) : Exception(message);

/// <summary>What a command may throw when it was called wrongly: exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>Exit codes, error messages and signals: the same for every command.</summary>
internal static class CommandLine
{
    public const int Done = 0, Failed = 1, Usage = 2, Interrupted = 130;

    private static readonly Option<bool> _verbose = new("--verbose")
    {
        Description = "Show stack traces of errors, which attention kernel runs, and what is recorded as a CUDA graph", Recursive = true,
    };

    private static readonly Option<bool> _plain = new("--no-cuda-graphs")
    {
        Description = "On a GPU, launch every kernel by itself (as TT_CUDA_GRAPHS=off)", Recursive = true,
    };

    /// <summary>The switch of commands whose figures can be read by a program.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Print one line of JSON, last" };

    /// <summary>The option of commands that load a model for inference.</summary>
    public static Option<string?> Quantize()
    {
        var option = new Option<string?>("--quantize")
        {
            Description = "Store weights in few bits: int8, int4, or such as int4-g128, in groups of so many inputs", HelpName = "TYPE",
        };
        option.AcceptOnlyFromAmong([.. Quantization.Names]);
        return option;
    }

    public static async Task<int> Run(string[] args, IEnumerable<Command> commands)
    {
        var root = new RootCommand("Trains, fine-tunes and runs transformers. Figures go to standard output, progress to standard error.")
        {
            HelpName = "tt",
        };
        root.Options.Add(_verbose);
        root.Options.Add(_plain);
        foreach (var command in commands) root.Subcommands.Add(command);

        var parsed = root.Parse(args);
        if ((parsed.Errors.Count > 0 || Unknown(parsed).Any()) && !AsksForHelp(parsed)) return Refuse(parsed);
        if (parsed.GetValue(_verbose)) (AttentionKernel.Choosing, Devices.Recorded) = (Tell, Console.Error.WriteLine);
        if (parsed.GetValue(_plain)) Devices.CudaGraphs = false;
        using var interruption = new Interruption(heard: parsed.Action is AsynchronousCommandLineAction);
        try
        {
            // Signals are ours (Interruption): the library would end the process before a checkpoint is written.
            var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await parsed.InvokeAsync(invocation, interruption.Token);
        }
        catch (ConfigException e)
        {
            foreach (var error in e.Errors) Console.Error.WriteLine(error);
            return Usage;
        }
        catch (UsageException e)
        {
            Console.Error.WriteLine($"tt: {e.Message}");
            return Usage;
        }
        catch (OperationCanceledException) when (interruption.Token.IsCancellationRequested)
        {
            return Interrupted;
        }
        catch (IOException) when (!StandardOutputIsOpen())
        {
            // The reader of a pipe has seen enough (`tt generate ... | head`).
            return Failed;
        }
        catch (Exception e)
        {
            Explain(e, parsed.GetValue(_verbose));
            return Failed;
        }
    }

    /// <summary>Options made of what the user gave: where they cannot be, it was called wrongly.</summary>
    public static T Checked<T>(Func<T> options)
    {
        try
        {
            return options();
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message);
        }
    }

    /// <summary>The device that an option names.</summary>
    /// <exception cref="UsageException">No device has that name, or there is none here.</exception>
    public static TorchSharp.torch.Device Device(ParseResult parsed, Option<string> option)
        => Checked(() => Devices.Parse(parsed.GetRequiredValue(option)));

    // `tt --help` and `tt train --help` are answered whatever else stands there.
    private static bool AsksForHelp(ParseResult parsed) => parsed.Action is HelpAction;

    // Words that nothing takes, and misspelt options, which the library takes for a command's argument (`tt train --resum`).
    private static IEnumerable<string> Unknown(ParseResult parsed)
    {
        var options = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens)
            .Select(token => token.Value).Where(word => word.StartsWith("--", StringComparison.Ordinal)).ToList();
        return options.Count > 0 ? options : parsed.UnmatchedTokens;
    }

    private static int Refuse(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var name = string.Join(' ', Path(parsed.CommandResult));
        var options = command.Options.Concat(parsed.RootCommandResult.Command.Options).Where(option => !option.Hidden);
        string[] known = [.. options.Select(option => option.Name), .. command.Subcommands.Select(sub => sub.Name)];
        var unknown = Unknown(parsed).ToList();
        foreach (var word in unknown)
            Console.Error.WriteLine(
                $"{name}: unknown {(word.StartsWith('-') ? "option" : command.Subcommands.Count > 0 ? "command" : "argument")} '{word}'."
                + (Suggestion.For(word.Split('=')[0], known) is { } meant ? $" Did you mean {meant}?" : ""));
        // What else is wrong mostly follows from a misspelt word.
        if (unknown.Count == 0)
            foreach (var message in parsed.Errors.Select(error => Plain(error.Message)).Distinct())
                Console.Error.WriteLine($"{name}: {message}");
        if (command.Subcommands.Count > 0)
            Console.Error.WriteLine($"{name}: the commands are {string.Join(", ", command.Subcommands.Select(sub => sub.Name))}");
        Console.Error.WriteLine($"`{name} --help` explains.");
        return Usage;
    }

    // The library names .NET types.
    private static string Plain(string message)
    {
        var at = message.IndexOf(" as expected type '", StringComparison.Ordinal);
        if (at < 0) return message;
        return message[..at] + (message.Contains("Int", StringComparison.Ordinal) ? ": expected a whole number" : ": expected a number");
    }

    private static IEnumerable<string> Path(CommandResult result) =>
        result.Parent is CommandResult parent ? [.. Path(parent), result.Command.Name] : ["tt"];

    private static void Tell(AttentionKernelKind kind, string? whyNotFused, string? onCuda)
        => Console.Error.WriteLine($"attention: {kind.ToString().ToLowerInvariant()}"
            + (whyNotFused is not null ? $" (not fused: {whyNotFused})" : onCuda is not null ? $" ({onCuda})" : ""));

    private static void Explain(Exception e, bool verbose)
    {
        // What a task or a static constructor wraps says nothing by itself.
        while (e is AggregateException or TypeInitializationException or TargetInvocationException && e.InnerException is { } inner)
            e = inner;
        if (verbose) Console.Error.WriteLine(e);
        else if (e is CommandException) Console.Error.WriteLine($"tt: {e.Message}");
        else
        {
            var lines = e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Take(2);
            var kind = IsForeseen(e) ? "" : $" ({e.GetType().Name}; --verbose shows where)";
            Console.Error.WriteLine($"tt: {string.Join('\n', lines)}{kind}");
            if (IsDiskFull(e))
                Console.Error.WriteLine("Free some space, or have it written elsewhere (a run's output_dir, data.dataset_prepared_path).");
        }
    }

    // ENOSPC of Linux, ERROR_DISK_FULL of Windows.
    private static bool IsDiskFull(Exception e) => e is IOException && e.HResult is 28 or unchecked((int)0x80070070);

    private static bool IsForeseen(Exception e) =>
        e is IOException or UnauthorizedAccessException or InvalidDataException or ArgumentException
        || e.GetType().Namespace?.StartsWith(nameof(TransformerTorch), StringComparison.Ordinal) == true;

    private static bool StandardOutputIsOpen()
    {
        try
        {
            Console.Out.Flush();
            using var output = Console.OpenStandardOutput();
            output.Write([]);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
