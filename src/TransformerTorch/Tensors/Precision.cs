using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>What matrix products compute in. Weights, the residual stream, norms and the loss stay in float32.</summary>
public enum Precision
{
    /// <summary>32-bit floating point throughout.</summary>
    Fp32,

    /// <summary>Mixed precision: matrix products and attention in bfloat16 ("bf16 autocast").</summary>
    Bf16,
}

/// <summary>
/// Regions of mixed precision. With the native bridge a region is libtorch's own autocast; without it <see cref="Operators"/> casts the
/// arguments of matrix products itself, which means the same.
/// </summary>
public static unsafe partial class Autocast
{
    [ThreadStatic] private static ScalarType? t_computeType;

    /// <summary>The type that <see cref="Operators"/> must cast to; null outside a region and where libtorch's autocast does it.</summary>
    internal static ScalarType? ComputeType => t_computeType;

    /// <summary>Enters a region on this thread until disposed; forward passes belong inside, backward ones need not.</summary>
    public static IDisposable Enter(Precision precision, Device device)
    {
        if (precision == Precision.Fp32) return new Guard(static () => { });
        if (!NativeBridge.IsAvailable)
        {
            var before = t_computeType;
            t_computeType = ScalarType.BFloat16;
            return new Guard(() => t_computeType = before);
        }
        var type = (int)device.type;
        var previous = new int[3];
        fixed (int* p = previous) NativeBridge.Check(tt_autocast_enter(type, 1, (int)ScalarType.BFloat16, 1, p), "autocast");
        return new Guard(() =>
        {
            fixed (int* p = previous) NativeBridge.Check(tt_autocast_leave(type, p), "autocast");
        });
    }

    /// <summary>The tensor in the region's type, or itself where nothing is to be cast.</summary>
    internal static Tensor Cast(Tensor x) => t_computeType is { } type && x.is_floating_point() && x.dtype != type ? x.to(type) : x;

    [LibraryImport(NativeBridge.Library)]
    private static partial int tt_autocast_enter(int device, int enabled, int dtype, int cache, int* previous);

    [LibraryImport(NativeBridge.Library)]
    private static partial int tt_autocast_leave(int device, int* previous);
}
