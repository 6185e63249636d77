using System.Runtime.InteropServices;

namespace TransformerTorch.Cli;

/// <summary>Which native libraries this process really uses, asked of the loader rather than of the configuration.</summary>
internal static unsafe partial class NativeProbe
{
    /// <summary>Path of the loaded library whose file name starts with <paramref name="name"/>; null where none can be seen.</summary>
    public static string? Loaded(string name)
    {
        if (OperatingSystem.IsLinux() && File.Exists("/proc/self/maps"))
            return File.ReadLines("/proc/self/maps")
                .Select(line => line.IndexOf('/', StringComparison.Ordinal) is var slash and >= 0 ? line[slash..] : "")
                .FirstOrDefault(path => Path.GetFileName(path).StartsWith(name, StringComparison.Ordinal));
        return System.Diagnostics.Process.GetCurrentProcess().Modules.Cast<System.Diagnostics.ProcessModule>()
            .Select(module => module.FileName)
            .FirstOrDefault(path => Path.GetFileName(path).StartsWith(name, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The library whose <c>sgemm_</c> libtorch calls; null where there is none or the loader cannot be asked.</summary>
    public static string? Blas()
    {
        if (!OperatingSystem.IsLinux() || Loaded("libtorch_cpu") is not { } torch) return null;
        if (!NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "sgemm_", out var sgemm)
            && !NativeLibrary.TryGetExport(NativeLibrary.Load(torch), "sgemm_", out sgemm)) return null;
        DlInfo info;
        return DlAddr(sgemm, &info) != 0 ? Marshal.PtrToStringUTF8(info.FileName) : null;
    }

    [LibraryImport("libc", EntryPoint = "dladdr")]
    private static partial int DlAddr(nint address, DlInfo* info);

    [StructLayout(LayoutKind.Sequential)]
    private struct DlInfo
    {
        public nint FileName, FileBase, SymbolName, SymbolAddress;
    }
}
