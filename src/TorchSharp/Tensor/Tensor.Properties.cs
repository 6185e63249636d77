using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public long Dimensions => NativeMethods.tt_tensor_rank(Handle);

        public long ndim => Dimensions;

        public long dim() => Dimensions;

        public long NumberOfElements => NativeMethods.tt_tensor_numel(Handle);

        public long numel() => NumberOfElements;

        public long ElementSize => dtype.ElementSize();

        public long element_size() => ElementSize;

        public ScalarType dtype => (ScalarType)NativeMethods.tt_tensor_dtype(Handle);

        public long[] shape => size();

        public unsafe long[] size()
        {
            var sizes = new long[Dimensions];
            fixed (long* p = sizes)
                NativeMethods.Check(NativeMethods.tt_tensor_sizes(handle, p, null));
            return sizes;
        }

        public unsafe long[] stride()
        {
            var strides = new long[Dimensions];
            fixed (long* p = strides)
                NativeMethods.Check(NativeMethods.tt_tensor_sizes(handle, null, p));
            return strides;
        }

        public long size(int dim) => s_size.CallValue(this, dim).Bits;

        public long stride(int dim) => s_stride.CallValue(this, dim).Bits;

        public long storage_offset() => s_storage_offset.CallValue(this).Bits;

        public DeviceType device_type => (DeviceType)(NativeMethods.tt_tensor_device(Handle) & 0xff);

        /// <summary>Which device of its type; -1 on the CPU.</summary>
        public int device_index => (sbyte)(NativeMethods.tt_tensor_device(Handle) >> 8 & 0xff);

        public Device device => device_type == DeviceType.CPU ? CPU : new Device(device_type, device_index);

        public bool is_cpu() => device_type == DeviceType.CPU;

        public bool is_cuda => device_type == DeviceType.CUDA;

        public bool is_meta => device_type == DeviceType.META;

        public bool is_leaf => NativeMethods.tt_tensor_is_leaf(Handle) != 0;

        public bool is_integral() => dtype.IsIntegral();

        public bool is_floating_point() => dtype.IsFloatingPoint();

        public bool is_complex() => dtype.IsComplex();

        public bool is_contiguous() => NativeMethods.tt_tensor_is_contiguous(Handle) != 0;

        public bool is_pinned() => s_is_pinned.CallValue(this).Bits != 0;

        /// <exception cref="InvalidOperationException">The tensor has not exactly one element.</exception>
        public bool is_nonzero() => numel() == 1 ? s_is_nonzero.CallValue(this).Bits != 0
            : throw new InvalidOperationException("is_nonzero() called on non-singleton tensor");

        private static readonly Op s_size = new("size", "int");
        private static readonly Op s_stride = new("stride", "int");
        private static readonly Op s_storage_offset = new("storage_offset");
        private static readonly Op s_is_pinned = new("is_pinned");
        private static readonly Op s_is_nonzero = new("is_nonzero");
    }

    public static long numel(Tensor input) => input.numel();

    public static bool is_nonzero(Tensor input) => input.is_nonzero();
}
