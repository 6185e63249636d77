using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    private static Tensor Create(Op op, ReadOnlySpan<long> size, ScalarType? dtype, Device? device, bool requiresGrad, string[]? names)
    {
        Unnamed(names);
        return Marked(op.Call(size, dtype ?? _defaultType, Arg.None, InitializeDevice(device)), requiresGrad);
    }

    private static Tensor Full(ReadOnlySpan<long> size, Scalar value, ScalarType? dtype, Device? device, bool requiresGrad, string[]? names)
    {
        Unnamed(names);
        dtype ??= value.Type.IsIntegral() ? ScalarType.Int64 : _defaultType;
        return Marked(s_full.Call(size, value, dtype, Arg.None, InitializeDevice(device)), requiresGrad);
    }

    private static Tensor Sample(
        Op op, ReadOnlySpan<long> size, ScalarType? dtype, Device? device, bool requiresGrad, Generator? generator, string[]? names)
    {
        Unnamed(names);
        return Marked(op.Call(size, generator, dtype ?? _defaultType, Arg.None, InitializeDevice(device)), requiresGrad);
    }

    private static Tensor FromScalar(Scalar value, ScalarType own, ScalarType? dtype, Device? device, bool requiresGrad) =>
        Marked(scalar_tensor(value, dtype ?? own, InitializeDevice(device)), requiresGrad);

    /// <summary>A tensor that copies an array of the sizes' product (or more) elements, of any rank.</summary>
    private static unsafe Tensor FromArray(
        Array data, ReadOnlySpan<long> size, ScalarType? dtype, Device? device, bool requiresGrad, string[]? names)
    {
        var count = Product(size, data);
        var type = ScalarTypeOf(data.GetType().GetElementType()!);
        Unnamed(names);
        var tensor = s_empty.Call(size, type, Arg.None, CPU);
        fixed (byte* from = &MemoryMarshal.GetArrayDataReference(data)) {
            var bytes = count * type.ElementSize();
            Buffer.MemoryCopy(from, tensor.Data, bytes, bytes);
        }
        return Moved(tensor, dtype, device, requiresGrad);
    }

    /// <summary>A tensor over an array's own memory, which it keeps pinned. Another type or device means a copy after all.</summary>
    private static unsafe Tensor Over(Array data, ReadOnlySpan<long> size, long offset, ScalarType? dtype, Device? device,
        bool requiresGrad)
    {
        Product(size, data);
        var type = ScalarTypeOf(data.GetType().GetElementType()!);
        var pin = GCHandle.Alloc(data, GCHandleType.Pinned);
        fixed (long* sizes = size) {
            var start = (byte*)pin.AddrOfPinnedObject() + offset * type.ElementSize();
            var handle = NativeMethods.tt_tensor_from_memory(start, sizes, size.Length, (int)type, &Unpin, (void*)GCHandle.ToIntPtr(pin));
            if (handle == 0) {
                pin.Free();
                throw NativeMethods.Failure();
            }
            return Moved(new Tensor(handle), dtype, device, requiresGrad);
        }
    }

    [UnmanagedCallersOnly]
    private static unsafe void Unpin(void* pin) => GCHandle.FromIntPtr((nint)pin).Free();

    private static long Product(ReadOnlySpan<long> size, Array data)
    {
        var product = 1L;
        foreach (var s in size)
            product *= s;
        if (product > data.LongLength)
            throw new ArgumentException($"mismatched total size creating a tensor from an array: {product} vs. {data.LongLength}");
        return product;
    }

    private static Tensor Moved(Tensor tensor, ScalarType? dtype, Device? device, bool requiresGrad)
    {
        device = InitializeDevice(device);
        var moved = tensor.ToWillCopy(dtype, device) ? tensor.to(dtype ?? tensor.dtype, device, disposeAfter: true) : tensor;
        return Marked(moved, requiresGrad);
    }

    private static Tensor Marked(Tensor tensor, bool requiresGrad) => requiresGrad ? tensor.with_requires_grad() : tensor;

    private static void Unnamed(string[]? names)
    {
        if (names is { Length: > 0 })
            throw new NotSupportedException("Named dimensions are not supported.");
    }

    private static long[] Longs(int[] sizes) => Array.ConvertAll(sizes, s => (long)s);

    private static readonly Op s_full = new("full");
}
