using System.Runtime.InteropServices;

namespace TransformerTorch.Cli;

/// <summary>
/// Ctrl-C and SIGTERM. The first asks the work to stop where it can go on later: <see cref="Token"/>. The second ends the process at
/// once, and so does the first where nobody listens.
/// </summary>
internal sealed partial class Interruption : IDisposable
{
    private readonly bool _heard;
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;

    /// <param name="heard">whether the command looks at the token</param>
    public Interruption(bool heard)
    {
        _heard = heard;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle),
        ];
    }

    public CancellationToken Token => _source.Token;

    /// <summary>What Ctrl-C does instead, where a command has a use of its own for it; null: it stops the command.</summary>
    public static Action? Instead { get; set; }

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (context.Signal == PosixSignal.SIGINT && Instead is { } act)
        {
            act();
            return;
        }
        if (!_heard || _source.IsCancellationRequested) Exit(CommandLine.Interrupted);
        _source.Cancel();
    }

    // Not Environment.Exit: destructors of native libraries would wait for, or fail on, threads that still compute.
    private static void Exit(int code)
    {
        if (OperatingSystem.IsWindows()) Environment.Exit(code);
        if (!Console.IsErrorRedirected) Console.Error.Write("\e[?25h\n"); // the cursor that a progress bar has hidden
        ExitNow(code);
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitNow(int code);
}
