using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>Code that runs inside the backward pass, through the native bridge.</summary>
internal static unsafe partial class GradientHook
{
    /// <summary>
    /// Calls <paramref name="hook"/> when the gradient of a tensor is known. What it returns, of the gradient's shape, takes its place, and
    /// is disposed; null keeps the gradient. It may run on a thread of libtorch's; what it throws ends the backward pass.
    /// </summary>
    public static void Add(Tensor tensor, Func<Tensor, Tensor?> hook)
    {
        var context = GCHandle.Alloc(hook);
        var handle = tt_hook_add(tensor.Handle, &Call, (nint)context, &Release);
        if (handle == 0)
        {
            context.Free();
            throw NativeBridge.LastError("gradient hook");
        }
        tt_hook_free(handle);
    }

    [UnmanagedCallersOnly]
    private static nint Call(nint context, nint gradient)
    {
        try
        {
            using var scope = NewDisposeScope();
            var hook = (Func<Tensor, Tensor?>)GCHandle.FromIntPtr(context).Target!;
            using var replacement = hook(Tensor.UnsafeCreateTensor(tt_tensor_alias(gradient)));
            return replacement is null ? 0 : tt_tensor_alias(replacement.Handle);
        }
        catch (Exception e)
        {
            tt_hook_failed(e.Message);
            return 0;
        }
    }

    [UnmanagedCallersOnly]
    private static void Release(nint context) => GCHandle.FromIntPtr(context).Free();

    [LibraryImport(NativeBridge.Library)]
    private static partial nint tt_hook_add(
        nint tensor, delegate* unmanaged<nint, nint, nint> function, nint context, delegate* unmanaged<nint, void> release);

    [LibraryImport(NativeBridge.Library)] private static partial void tt_hook_free(nint hook);
    [LibraryImport(NativeBridge.Library)] private static partial nint tt_tensor_alias(nint tensor);

    [LibraryImport(NativeBridge.Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial void tt_hook_failed(string message);
}
