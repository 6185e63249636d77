namespace TorchSharp.Native;

/// <summary>Where the native library may be. The engine compiles this file too: it asks the same where TorchSharp is NuGet's.</summary>
internal static class BridgeFile
{
    /// <summary>$TT_NATIVE, a full path; null: not set.</summary>
    public static string? Given => Environment.GetEnvironmentVariable("TT_NATIVE") is { Length: > 0 } given ? given : null;

    /// <summary>Beside the application first, then where the host says that its packages keep native libraries.</summary>
    public static IEnumerable<string> Installed()
    {
        var file = OperatingSystem.IsWindows() ? "transformertorch.dll"
            : OperatingSystem.IsMacOS() ? "libtransformertorch.dylib" : "libtransformertorch.so";
        var folders = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.Prepend(AppContext.BaseDirectory).Select(folder => Path.Combine(folder, file)).Distinct();
    }
}
