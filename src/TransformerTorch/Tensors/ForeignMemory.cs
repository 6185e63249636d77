using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>Tensors over memory that libtorch did not allocate.</summary>
internal static unsafe partial class ForeignMemory
{
    /// <summary>A contiguous CPU tensor over memory, which is not copied.</summary>
    /// <param name="data">its first element, aligned</param>
    /// <param name="shape">its dimensions</param>
    /// <param name="type">its elements</param>
    /// <param name="release">called once, on any thread, when nothing uses the memory any more; never where this throws</param>
    /// <exception cref="InvalidOperationException">libtorch refused, with its message.</exception>
    public static Tensor Tensor(nint data, long[] shape, ScalarType type, Action release)
    {
        var context = GCHandle.Alloc(release);
        var handle = tt_tensor_from_memory(data, shape, shape.Length, (int)type, &Release, (nint)context);
        if (handle != 0) return TorchSharp.torch.Tensor.UnsafeCreateTensor(handle);
        context.Free();
        throw NativeBridge.LastError("tensor over memory");
    }

    [UnmanagedCallersOnly]
    private static void Release(nint context)
    {
        var handle = GCHandle.FromIntPtr(context);
        ((Action)handle.Target!)();
        handle.Free();
    }

    [LibraryImport(NativeBridge.Library)]
    private static partial nint tt_tensor_from_memory(
        nint data, long[] sizes, int rank, int dtype, delegate* unmanaged<nint, void> release, nint context);
}
