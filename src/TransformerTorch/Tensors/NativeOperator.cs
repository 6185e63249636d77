using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>
/// An operator of libtorch or of ours, called by name through the dispatcher (autograd, autocast and device selection included).
/// </summary>
public sealed unsafe partial class NativeOperator
{
    private readonly nint _handle;
    private readonly string _name;

    private NativeOperator(nint handle, string name) => (_handle, _name) = (handle, name);

    /// <summary>Finds an operator such as <c>("aten::add", "Tensor")</c>; null where the bridge or the operator is missing.</summary>
    public static NativeOperator? Find(string name, string overload = "")
    {
        if (!NativeBridge.IsAvailable) return null;
        var handle = tt_operator_find(name, overload);
        return handle == 0 ? null : new NativeOperator(handle, name);
    }

    /// <summary>Calls an operator of one result.</summary>
    /// <exception cref="InvalidOperationException">libtorch refused, with its message.</exception>
    public Tensor Call(params ReadOnlySpan<Argument> arguments)
    {
        NativeValue result;
        if (Invoke(arguments, &result, maximum: 1) < 1 || result.Tag != Argument.TensorTag)
            throw new InvalidOperationException($"{_name} returned no tensor");
        return Tensor.UnsafeCreateTensor((nint)result.Payload);
    }

    /// <summary>Calls an operator of two results.</summary>
    /// <exception cref="InvalidOperationException">libtorch refused, with its message.</exception>
    public (Tensor First, Tensor Second) CallTwo(params ReadOnlySpan<Argument> arguments)
    {
        var results = stackalloc NativeValue[2];
        if (Invoke(arguments, results, maximum: 2) < 2) throw new InvalidOperationException($"{_name} returned no two tensors");
        return (Tensor.UnsafeCreateTensor((nint)results[0].Payload), Tensor.UnsafeCreateTensor((nint)results[1].Payload));
    }

    /// <summary>Calls an operator of three results.</summary>
    /// <exception cref="InvalidOperationException">libtorch refused, with its message.</exception>
    public (Tensor First, Tensor Second, Tensor Third) CallThree(params ReadOnlySpan<Argument> arguments)
    {
        var results = stackalloc NativeValue[3];
        if (Invoke(arguments, results, maximum: 3) < 3) throw new InvalidOperationException($"{_name} returned no three tensors");
        return (Tensor.UnsafeCreateTensor((nint)results[0].Payload), Tensor.UnsafeCreateTensor((nint)results[1].Payload),
            Tensor.UnsafeCreateTensor((nint)results[2].Payload));
    }

    /// <summary>Calls an operator for its effect.</summary>
    /// <exception cref="InvalidOperationException">libtorch refused, with its message.</exception>
    public void Run(params ReadOnlySpan<Argument> arguments) => Invoke(arguments, results: null, maximum: 0);

    private int Invoke(ReadOnlySpan<Argument> arguments, NativeValue* results, int maximum)
    {
        var values = stackalloc NativeValue[arguments.Length];
        try
        {
            for (var i = 0; i < arguments.Length; i++) values[i] = arguments[i].ToNative();
            var count = tt_operator_call(_handle, values, arguments.Length, results, maximum);
            NativeBridge.Check(count, _name);
            return count;
        }
        finally
        {
            for (var i = 0; i < arguments.Length; i++)
                if (values[i].Tag is Argument.TensorsTag or Argument.StringTag) NativeMemory.Free((void*)values[i].Payload);
            foreach (var argument in arguments) GC.KeepAlive(argument.Reference);
        }
    }

    [LibraryImport(NativeBridge.Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint tt_operator_find(string name, string overload);

    [LibraryImport(NativeBridge.Library)]
    private static partial int tt_operator_call(nint handle, NativeValue* arguments, int count, NativeValue* results, int maximum);

    [StructLayout(LayoutKind.Sequential)]
    internal struct NativeValue
    {
        public int Tag;
        public int Count;
        public long Payload;
    }

    /// <summary>One argument: a tensor or none, a number, a flag, a text, several tensors. Converts by itself.</summary>
    public readonly struct Argument
    {
        internal const int TensorTag = 1, TensorsTag = 6, StringTag = 7;
        private readonly int _tag;
        private readonly long _bits;

        private Argument(int tag, long bits, object? reference = null) => (_tag, _bits, Reference) = (tag, bits, reference);

        internal object? Reference { get; }

        /// <summary>A tensor, or none.</summary>
        public static implicit operator Argument(Tensor? tensor) => tensor is null ? default : new(TensorTag, tensor.Handle, tensor);

        /// <summary>A whole number.</summary>
        public static implicit operator Argument(long value) => new(2, value);

        /// <summary>A real number.</summary>
        public static implicit operator Argument(double value) => new(3, BitConverter.DoubleToInt64Bits(value));

        /// <summary>A real number, or none.</summary>
        public static implicit operator Argument(double? value) => value is { } v ? v : default(Argument);

        /// <summary>A flag.</summary>
        public static implicit operator Argument(bool value) => new(4, value ? 1 : 0);

        /// <summary>A text.</summary>
        public static implicit operator Argument(string value) => new(StringTag, 0, value);

        /// <summary>Several tensors.</summary>
        public static implicit operator Argument(Tensor[] tensors) => new(TensorsTag, 0, tensors);

        internal NativeValue ToNative() => Reference switch
        {
            Tensor[] tensors => Copy(TensorsTag, tensors.Length, Array.ConvertAll(tensors, t => t.Handle)),
            string text => Copy(StringTag, Encoding.UTF8.GetByteCount(text), Encoding.UTF8.GetBytes(text)),
            _ => new NativeValue { Tag = _tag, Payload = _bits },
        };

        private static NativeValue Copy<T>(int tag, int count, T[] items) where T : unmanaged
        {
            var memory = NativeMemory.Alloc((nuint)Math.Max(items.Length, 1), (nuint)sizeof(T));
            items.CopyTo(new Span<T>(memory, items.Length));
            return new NativeValue { Tag = tag, Count = count, Payload = (long)memory };
        }
    }
}
