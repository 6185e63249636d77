using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>What is computed in which type. In mixed precision weights, the residual stream, norms and the loss stay in float32.</summary>
public enum Precision
{
    /// <summary>32-bit floating point throughout.</summary>
    Fp32,

    /// <summary>Mixed precision: matrix products and attention in bfloat16 ("bf16 autocast").</summary>
    Bf16,

    /// <summary>Mixed precision with float16: its range is small, so that the loss is scaled.</summary>
    Fp16,

    /// <summary>Weights, activations and gradients in bfloat16; the optimizer keeps what weights have beyond that.</summary>
    PureBf16,
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
    public static IDisposable Enter(Precision precision, Device device) => precision switch
    {
        Precision.Bf16 => Enter(ScalarType.BFloat16, device),
        Precision.Fp16 => Enter(ScalarType.Float16, device),
        _ => new Guard(static () => { }),
    };

    /// <summary>What enters, on any thread, the region that this thread is in now; weights that it converts are not kept.</summary>
    internal static Func<IDisposable> Current(Device device)
    {
        if (!NativeBridge.IsAvailable)
        {
            var current = t_computeType;
            return () => Enter(current);
        }
        var kind = (int)device.type;
        var (enabled, type) = (tt_autocast(kind), tt_autocast_dtype(kind));
        return () => Enter(kind, enabled, type, cache: 0);
    }

    private static Guard Enter(ScalarType type, Device device) =>
        NativeBridge.IsAvailable ? Enter((int)device.type, enabled: 1, (int)type, cache: 1) : Enter(type);

    private static Guard Enter(ScalarType? type)
    {
        var before = t_computeType;
        t_computeType = type;
        return new Guard(() => t_computeType = before);
    }

    private static Guard Enter(int device, int enabled, int type, int cache)
    {
        var previous = new int[3];
        fixed (int* p = previous) NativeBridge.Check(tt_autocast_enter(device, enabled, type, cache, p), "autocast");
        return new Guard(() =>
        {
            fixed (int* p = previous) NativeBridge.Check(tt_autocast_leave(device, p), "autocast");
        });
    }

    /// <summary>The tensor in the region's type, or itself where nothing is to be cast.</summary>
    internal static Tensor Cast(Tensor x) => t_computeType is { } type && x.is_floating_point() && x.dtype != type ? x.to(type) : x;

    [LibraryImport(NativeBridge.Library)] private static partial int tt_autocast(int device);

    [LibraryImport(NativeBridge.Library)] private static partial int tt_autocast_dtype(int device);

    [LibraryImport(NativeBridge.Library)]
    private static partial int tt_autocast_enter(int device, int enabled, int dtype, int cache, int* previous);

    [LibraryImport(NativeBridge.Library)]
    private static partial int tt_autocast_leave(int device, int* previous);
}

/// <summary>What is computed more exactly than it is kept.</summary>
internal static class Widening
{
    /// <summary>The tensor in float32, or as it is where it is float64: exact computations stay exact throughout.</summary>
    internal static Tensor Wide(this Tensor x) => x.dtype == ScalarType.Float64 ? x : x.to(ScalarType.Float32);
}
