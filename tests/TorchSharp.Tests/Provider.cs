namespace TorchSharp.Tests;

/// <summary>Which TorchSharp these tests run on: the drop-in, or the real one that is the truth.</summary>
internal static class Provider
{
    internal static bool IsDropIn { get; } = typeof(torch).Assembly.GetType("TorchSharp.Native.BridgeLibrary") is not null;

    /// <summary>
    /// The package's native library, where it runs under a newer C library than its host's own, ends the process when libtorch throws.
    /// </summary>
    internal static void NeedsNativeExceptions() =>
        Skip.If(!IsDropIn && Environment.GetEnvironmentVariable("TT_PACKAGE_THROWS") is null,
            "Set TT_PACKAGE_THROWS where the package's native library can throw without ending the process.");
}
