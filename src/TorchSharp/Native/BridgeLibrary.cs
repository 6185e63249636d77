using System.Reflection;
using System.Runtime.InteropServices;

namespace TorchSharp.Native;

/// <summary>Loads the bridge from where <see cref="BridgeFile"/> says it may be.</summary>
internal static class BridgeLibrary
{
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(BridgeLibrary).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        if (name != NativeMethods.Library)
            return 0;
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
            "The native bridge to libtorch cannot be loaded. Run scripts/setup.sh, or set TT_NATIVE to the library's full path. Tried:\n  "
            + string.Join("\n  ", failures));
    }
}
