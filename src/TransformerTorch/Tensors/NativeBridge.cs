using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp.Native;

namespace TransformerTorch.Tensors;

/// <summary>
/// The native bridge (src/native): operators of libtorch and of ours by name, autocast, generators. It is looked for in
/// <c>$TT_NATIVE</c> (a full path), else beside the application, else in its packages. Without it everything still works through
/// TorchSharp alone, slower; <c>TT_BRIDGE=off</c> forces that.
/// </summary>
public static unsafe partial class NativeBridge
{
    internal const string Library = "transformertorch";
    private static readonly Lazy<(bool Loaded, string Reason)> s_state = new(Load);

    [ThreadStatic] private static int t_suspended;

    /// <summary>Whether the bridge may be called on this thread.</summary>
    public static bool IsAvailable => t_suspended == 0 && s_state.Value.Loaded;

    /// <summary>Why the bridge is not used; empty where it is.</summary>
    public static string Missing => t_suspended > 0 ? "suspended on this thread" : s_state.Value.Reason;

    /// <summary>Compiler, libtorch version, kernels and BLAS of the loaded bridge; null without it.</summary>
    public static string? BuildInfo => IsAvailable ? Marshal.PtrToStringUTF8(tt_build_info()) : null;

    /// <summary>What computed this thread's last attention on CUDA, and why nothing faster; null elsewhere.</summary>
    public static string? CudaAttention => IsAvailable && Marshal.PtrToStringUTF8(tt_attention_kernel()) is { Length: > 0 } by ? by : null;

    /// <summary>Does without the bridge on this thread until disposed, so that tests cover the other way.</summary>
    public static IDisposable Suspend()
    {
        t_suspended++;
        return new Guard(static () => t_suspended--);
    }

    /// <summary>
    /// Told once in a process what is missing, when the bridge is first wanted and not found; standard error where nothing else is set.
    /// Who turned it off (<c>TT_BRIDGE=off</c>) is told nothing.
    /// </summary>
    public static Action<string> Tell { get; set; } = Console.Error.WriteLine;

    internal static InvalidOperationException LastError(string what) => new($"{what}: {Marshal.PtrToStringUTF8(tt_error(0))}");

    internal static void Check(int result, string what)
    {
        if (result < 0) throw LastError(what);
    }

    private static (bool, string) Load()
    {
        var (loaded, reason) = Find();
        var remedy = reason.StartsWith("no ", StringComparison.Ordinal)
            ? "; on x86-64 Linux `scripts/setup.sh --provider system` builds it" : "";
        if (!loaded && !IsOff)
            Tell($"native bridge not used ({reason}): "
                + $"attention, norms, loss and optimizer run as plain TorchSharp operators, slower{remedy}");
        return (loaded, reason);
    }

    private static bool IsOff => Environment.GetEnvironmentVariable("TT_BRIDGE") == "off";

    private static (bool, string) Find()
    {
        // libtorch must be in the process before the bridge, which binds to it.
        TorchSharp.torch.InitializeDeviceType(TorchSharp.DeviceType.CPU);
        UseAllProcessors();
        if (IsOff) return (false, "TT_BRIDGE=off");
        var path = BridgeFile.Given ?? BridgeFile.Installed().FirstOrDefault(File.Exists, BridgeFile.Installed().First());
        if (!File.Exists(path)) return (false, $"no {path}");
        try
        {
            var handle = NativeLibrary.Load(path);
            NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), (name, _, _) => name == Library ? handle : 0);
            return (true, "");
        }
        catch (DllNotFoundException e)
        {
            return (false, $"{path} does not load: {e.Message.TrimEnd().Split('\n')[^1]}"); // the loader's own words come last
        }
    }

    // libtorch takes the processors of a virtual machine for hyperthreads of one core, and uses one of two.
    private static void UseAllProcessors()
    {
        if (Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is null or "")
            TorchSharp.torch.set_num_threads(Environment.ProcessorCount);
    }

    [LibraryImport(Library)] private static partial nint tt_error(int full);
    [LibraryImport(Library)] private static partial nint tt_build_info();
    [LibraryImport(Library)] private static partial nint tt_attention_kernel();
}

/// <summary>Runs an action once, when disposed.</summary>
internal sealed class Guard(Action leave) : IDisposable
{
    private Action? _leave = leave;

    public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke();
}
