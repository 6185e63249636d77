using System.Runtime.CompilerServices;
using TorchSharp.Native;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The elements, copied to the CPU first where the tensor lives elsewhere.</summary>
        /// <exception cref="ArgumentException">T is not this tensor's element type.</exception>
        public TensorAccessor<T> data<T>() where T : unmanaged
        {
            Validate(typeof(T));
            return new TensorAccessor<T>(device_type == DeviceType.CPU ? this : cpu());
        }

        /// <exception cref="ArgumentException">The tensor has not exactly one element, or T is not its type.</exception>
        public T item<T>() where T : unmanaged
        {
            if (NumberOfElements != 1)
                throw new ArgumentException("Number of elements in the tensor must be 1");
            return data<T>()[0];
        }

        public Scalar ToScalar() => new(s_item.CallValue(this));

        public T ReadCpuValue<T>(long i) where T : unmanaged => TensorAccessor<T>.ReadItemAt(this, i);

        public double ReadCpuDouble(long i) => ReadCpuValue<double>(i);

        public float ReadCpuSingle(long i) => ReadCpuValue<float>(i);

        public float ReadCpuFloat16(long i) => (float)ReadCpuValue<Half>(i);

        public float ReadCpuBFloat16(long i) => ReadCpuValue<BFloat16>(i).ToSingle();

        public int ReadCpuInt32(long i) => ReadCpuValue<int>(i);

        public long ReadCpuInt64(long i) => ReadCpuValue<long>(i);

        public byte ReadCpuByte(long i) => ReadCpuValue<byte>(i);

        public sbyte ReadCpuSByte(long i) => ReadCpuValue<sbyte>(i);

        public short ReadCpuInt16(long i) => ReadCpuValue<short>(i);

        public bool ReadCpuBool(long i) => ReadCpuValue<bool>(i);

        /// <summary>The memory itself, of a contiguous tensor on the CPU. Valid while the tensor lives.</summary>
        public unsafe Span<byte> bytes {
            get {
                var length = NumberOfElements * ElementSize;
                ValidateMemory();
                if (length > int.MaxValue)
                    throw new ArgumentException("Span only supports up to int.MaxValue elements.");
                return new Span<byte>(Data, (int)length);
            }
            set {
                if (!is_contiguous())
                    throw new InvalidOperationException("SetBytes() called on non-contiguous tensor.");
                if (NumberOfElements * ElementSize != value.Length)
                    throw new ArgumentException("Mismatched data sizes in SetBytes().");
                value.CopyTo(new Span<byte>(Data, value.Length));
            }
        }

        public unsafe void WriteBytesToStream(Stream stream, int bufferSize = 1024)
        {
            ValidateMemory();
            var from = (byte*)Data;
            var left = NumberOfElements * ElementSize;
            for (int step; left > 0; from += step, left -= step) {
                step = (int)Math.Min(left, 1 << 20);
                stream.Write(new ReadOnlySpan<byte>(from, step));
            }
            GC.KeepAlive(this);
        }

        /// <exception cref="EndOfStreamException">The stream ends before the tensor is full.</exception>
        public unsafe void ReadBytesFromStream(Stream stream, int bufferSize = 1024)
        {
            ValidateMemory();
            var to = (byte*)Data;
            var left = NumberOfElements * ElementSize;
            for (int step; left > 0; to += step, left -= step) {
                step = (int)Math.Min(left, 1 << 20);
                stream.ReadExactly(new Span<byte>(to, step));
            }
            GC.KeepAlive(this);
        }

        internal unsafe void* Data => NativeMethods.tt_tensor_data(Handle);

        private void Validate(Type type)
        {
            if (dtype.IsComplex() || ScalarTypeOf(type) != dtype)
                throw new ArgumentException($"{type.Name} is not compatible with {dtype}");
        }

        private void ValidateMemory()
        {
            if (!is_contiguous())
                throw new InvalidOperationException("Bytes() called on non-contiguous tensor.");
            if (device_type != DeviceType.CPU)
                throw new InvalidOperationException(
                    "Reading data from non-CPU memory is not supported. Move or copy the tensor to the cpu before reading.");
        }

        private static readonly Op s_item = new("item");
    }
}
