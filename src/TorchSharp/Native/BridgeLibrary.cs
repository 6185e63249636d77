using System.Reflection;
using System.Runtime.InteropServices;

namespace TorchSharp.Native;

/// <summary>Finds the bridge: $TT_NATIVE (its full path), then beside the application, then beside this assembly.</summary>
internal static class BridgeLibrary
{
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(BridgeLibrary).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        if (name != NativeMethods.Library)
            return 0;
        var failures = new List<string>();
        foreach (var path in Candidates(assembly)) {
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
            "The native bridge to libtorch cannot be loaded. Run scripts/setup.sh, or set TT_NATIVE to the library's full path. Tried:\n  "
            + string.Join("\n  ", failures));
    }

    private static IEnumerable<string> Candidates(Assembly assembly)
    {
        var file = OperatingSystem.IsWindows() ? "transformertorch.dll"
            : OperatingSystem.IsMacOS() ? "libtransformertorch.dylib" : "libtransformertorch.so";
        if (Environment.GetEnvironmentVariable("TT_NATIVE") is { Length: > 0 } given)
            yield return given;
        yield return Path.Combine(AppContext.BaseDirectory, file);
        if (Path.GetDirectoryName(assembly.Location) is { Length: > 0 } folder && folder != AppContext.BaseDirectory.TrimEnd('/', '\\'))
            yield return Path.Combine(folder, file);
    }
}
