using System.Runtime.InteropServices;

namespace TransformerTorch.Tests.Tensors;

/// <summary>The bridge's C ABI as the tests call it: bare, so that errors, threads and ownership are seen as they are.</summary>
internal static unsafe partial class BridgeCalls
{
    public const int Failed = -1, OutOfMemory = -2;
    private const string Library = "transformertorch";

    [LibraryImport(Library)] public static partial nint tt_error(int full);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint tt_operator_find(string name, string overload);
    [LibraryImport(Library)] public static partial int tt_operator_call(nint op, Value* arguments, int count, Value* results, int max);
    [LibraryImport(Library)] public static partial void tt_tensor_free(nint tensor);
    [LibraryImport(Library)] public static partial nint tt_tensor_alias(nint tensor);
    [LibraryImport(Library)] public static partial nint tt_tensor_from_memory(
        void* data, long* sizes, int rank, int dtype, delegate* unmanaged<nint, void> release, nint context);
    [LibraryImport(Library)] public static partial float* tt_tensor_data(nint tensor);
    [LibraryImport(Library)] public static partial int tt_tensor_dtype(nint tensor);
    [LibraryImport(Library)] public static partial int tt_tensor_set_requires_grad(nint tensor, int value);
    [LibraryImport(Library)] public static partial nint tt_tensor_grad(nint tensor);
    [LibraryImport(Library)] public static partial int tt_backward(
        nint* tensors, nint* gradients, int count, int retain, int create, nint* inputs, int inputCount);
    [LibraryImport(Library)] public static partial nint tt_hook_add(
        nint tensor, delegate* unmanaged<nint, nint, nint> function, nint context, delegate* unmanaged<nint, void> release);
    [LibraryImport(Library)] public static partial nint tt_hook_add_after_accumulate(
        nint tensor, delegate* unmanaged<nint, nint, nint> function, nint context, delegate* unmanaged<nint, void> release);
    [LibraryImport(Library)] public static partial int tt_hook_remove(nint hook);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] public static partial void tt_hook_failed(string message);
    [LibraryImport(Library)] public static partial int tt_autocast(int device);
    [LibraryImport(Library)] public static partial int tt_autocast_enter(int device, int enabled, int dtype, int cache, int* previous);
    [LibraryImport(Library)] public static partial int tt_autocast_leave(int device, int* previous);
    [LibraryImport(Library)] public static partial int tt_grad_mode();
    [LibraryImport(Library)] public static partial void tt_set_grad_mode(int enabled);
    [LibraryImport(Library)] public static partial nint tt_generator_new(int type, int index);
    [LibraryImport(Library)] public static partial void tt_generator_free(nint generator);
    [LibraryImport(Library)] public static partial nint tt_generator_state(nint generator);
    [LibraryImport(Library)] public static partial int tt_generator_set_state(nint generator, nint state);

    static BridgeCalls() => NativeLibrary.SetDllImportResolver(typeof(BridgeCalls).Assembly, static (name, _, _) =>
    {
        if (name != Library) return 0;
        var named = Environment.GetEnvironmentVariable("TT_NATIVE");
        return NativeLibrary.Load(string.IsNullOrEmpty(named) ? Path.Combine(AppContext.BaseDirectory, $"lib{Library}.so") : named);
    });

    [StructLayout(LayoutKind.Explicit, Size = 16)]
    public struct Value
    {
        [FieldOffset(0)] public int Tag;
        [FieldOffset(4)] public int Count;
        [FieldOffset(8)] public nint Pointer;
        [FieldOffset(8)] public long Int;
        [FieldOffset(8)] public double Double;
    }

    /// <summary>A tensor's handle, freed by whoever disposes it, or by the finalizer's thread.</summary>
    internal sealed class Handle : SafeHandle
    {
        public Handle(nint tensor) : base(invalidHandleValue: 0, ownsHandle: true) => SetHandle(tensor);

        public override bool IsInvalid => handle == 0;

        public nint Tensor => handle;

        public float First => *tt_tensor_data(handle);

        protected override bool ReleaseHandle()
        {
            tt_tensor_free(handle);
            return true;
        }
    }

    public static string Error(int full = 0) => Marshal.PtrToStringUTF8(tt_error(full))!;

    public static Value Of(Handle tensor) => new() { Tag = 1, Pointer = tensor.Tensor };

    public static Value Of(long number) => new() { Tag = 2, Int = number };

    public static Value Of(double number) => new() { Tag = 3, Double = number };

    /// <summary>Calls an operator for its first result, a tensor; its status where it failed.</summary>
    public static (Handle? Result, int Status) Try(string name, string overload, params ReadOnlySpan<Value> arguments)
    {
        var op = tt_operator_find(name, overload);
        Assert.True(op != 0, Error());
        Value result = default;
        fixed (Value* values = arguments)
        {
            var status = tt_operator_call(op, values, arguments.Length, &result, 1);
            return (status < 0 || result.Tag != 1 ? null : new Handle(result.Pointer), status);
        }
    }

    public static Handle Call(string name, string overload, params ReadOnlySpan<Value> arguments)
    {
        var (result, status) = Try(name, overload, arguments);
        Assert.True(result is not null, $"{name}: {status} {Error()}");
        return result;
    }

    /// <summary>A vector of one value.</summary>
    public static Handle Vector(long length, double value)
        => Call("aten::full", "", new Value { Tag = 5, Count = 1, Pointer = (nint)(&length) }, Of(value));

    /// <summary>The sum of squares, backward; its gradient is twice the tensor.</summary>
    public static int Backward(Handle tensor)
    {
        using var square = Call("aten::mul", "Tensor", Of(tensor), Of(tensor));
        using var sum = Call("aten::sum", "", Of(square));
        var root = sum.Tensor;
        return tt_backward(&root, null, 1, 0, 0, null, 0);
    }
}
