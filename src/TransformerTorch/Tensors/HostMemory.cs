using System.Runtime.InteropServices;

namespace TransformerTorch.Tensors;

/// <summary>
/// Memory of the CPU's tensors of 16 KB and more, as the native library hands it out; of smaller ones and of all else the system tells.
/// </summary>
public static unsafe partial class HostMemory
{
    /// <summary>Bytes.</summary>
    /// <param name="Used">of tensors that live</param>
    /// <param name="Kept">free, for the next that fits</param>
    /// <param name="Peak">the most that was used at once since the last restart</param>
    public readonly record struct Figures(long Used, long Kept, long Peak);

    /// <summary>What it is now; null without the native library or under <c>TT_ALLOCATOR=system</c>.</summary>
    /// <param name="restart">whether the peak is counted from here on</param>
    public static Figures? Read(bool restart = false)
    {
        if (!NativeBridge.IsAvailable) return null;
        Figures figures;
        NativeBridge.Check(tt_cpu_memory_stats(&figures, restart ? 1 : 0), "memory");
        return figures.Peak == 0 ? null : figures;
    }

    [LibraryImport(NativeBridge.Library)]
    private static partial int tt_cpu_memory_stats(Figures* figures, int restart);
}
