using System.Reflection;
using System.Runtime.InteropServices;

namespace TorchSharp.Native;

/// <summary>Loads the bridge from where <see cref="BridgeFile"/> says it may be.</summary>
internal static partial class BridgeLibrary
{
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(BridgeLibrary).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        if (name != NativeMethods.Library)
            return 0;
        // UCX, which comes with Debian's libtorch, would take SIGSEGV over, by which .NET learns of null references, and end the process.
        if (OperatingSystem.IsLinux())
            _ = SetEnvironment("UCX_ERROR_SIGNALS", "", overwrite: 0);
        var failures = new List<string>();
        var candidates = BridgeFile.Installed();
        foreach (var path in BridgeFile.Given is { } given ? candidates.Prepend(given) : candidates) {
            if (!File.Exists(path)) {
                failures.Add($"{path}: no such file");
                continue;
            }
            try {
                return NativeLibrary.Load(path);
            } catch (DllNotFoundException e) {
                failures.Add($"{path}: {e.Message.ReplaceLineEndings(" ")}");
            }
        }
        throw new DllNotFoundException(
            $"The native bridge to libtorch cannot be loaded. {Remedy(failures)} Tried:\n  " + string.Join("\n  ", failures));
    }

    // .NET's own variables are not those that native code reads.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    /// <summary>What to do. A libtorch of a newer system brings its C library along, for which set-up makes a dotnet.</summary>
    private static string Remedy(List<string> failures)
    {
        if (!failures.Exists(f => f.Contains("GLIBC", StringComparison.Ordinal)))
            return "Run scripts/setup.sh, or set TT_NATIVE to the library's full path.";
        var caches = Variable("XDG_CACHE_HOME")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        var cache = Variable("TT_CACHE") ?? Path.Combine(caches, "transformertorch");
        var host = Directory.Exists(cache) ? Directory.GetDirectories(cache, "host-*").Select(folder => Path.Combine(folder, "dotnet"))
            .FirstOrDefault(File.Exists) : null;
        return "This machine's C library is older than its libtorch wants: "
            + (host is null ? "scripts/setup.sh makes a dotnet that brings its own."
                : $"start the program by '{host}' in place of 'dotnet' ('run' with -p:UseAppHost=false).");

        static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
    }
}
