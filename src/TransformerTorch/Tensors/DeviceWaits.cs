using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>
/// Holds a step to its one wait for the device: with <c>TT_FORBID_WAITS=1</c> every other one is an error, where it happens. libtorch
/// watches what it does itself (copies to the host, <c>item</c>, <c>nonzero</c>), on GPUs alone.
/// </summary>
internal static partial class DeviceWaits
{
    private const int Allowed = 0, Forbidden = 2;   // libtorch's levels; 1 warns
    private static readonly bool s_watches = Environment.GetEnvironmentVariable("TT_FORBID_WAITS") == "1";

    /// <summary>From here on nothing may wait for the device, until disposed.</summary>
    public static IDisposable Forbid(Device device) => Set(device, Forbidden, Allowed);

    /// <summary>What is allowed to.</summary>
    public static T Allow<T>(Device device, Func<T> wait)
    {
        using var _ = Set(device, Allowed, s_watches ? Forbidden : Allowed);
        return wait();
    }

    private static Guard Set(Device device, int level, int after)
    {
        if (!s_watches || device.type != DeviceType.CUDA || !NativeBridge.IsAvailable) return new Guard(static () => { });
        NativeBridge.Check(tt_cuda_watch_waits(level), "waits for the device");
        return new Guard(() => NativeBridge.Check(tt_cuda_watch_waits(after), "waits for the device"));
    }

    [LibraryImport(NativeBridge.Library)] private static partial int tt_cuda_watch_waits(int level);
}
