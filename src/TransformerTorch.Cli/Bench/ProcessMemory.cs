using System.Globalization;

namespace TransformerTorch.Cli.Bench;

/// <summary>What the system says of this process's memory.</summary>
internal static class ProcessMemory
{
    /// <summary>The most that was resident at once; null where the system does not tell.</summary>
    public static long? PeakBytes => File.Exists("/proc/self/status")
        && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)) is { } line
        ? long.Parse(line.AsSpan(6).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture) * 1024
        : null;
}
