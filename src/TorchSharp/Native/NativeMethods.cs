using System.Runtime.InteropServices;

namespace TorchSharp.Native;

/// <summary>The part of the bridge's C ABI (src/native/include/tt.h) that this assembly calls. Blittable throughout.</summary>
internal static unsafe partial class NativeMethods
{
    internal const string Library = "transformertorch";

    static NativeMethods() => BridgeLibrary.Register();

    [LibraryImport(Library)] internal static partial byte* tt_error(int full);

    [LibraryImport(Library)] internal static partial nint tt_operator_find(byte* name, byte* overload);
    [LibraryImport(Library)] internal static partial int tt_operator_call(nint op, Value* arguments, int count, Value* results,
        int max_results);
    [LibraryImport(Library)] internal static partial void tt_free(void* memory);

    [LibraryImport(Library)] internal static partial void tt_tensor_free(nint tensor);
    [LibraryImport(Library)] internal static partial nint tt_tensor_alias(nint tensor);
    [LibraryImport(Library)]
    internal static partial nint tt_tensor_from_memory(
        void* data, long* sizes, int rank, int dtype, delegate* unmanaged<void*, void> release, void* context);
    [LibraryImport(Library)] internal static partial void* tt_tensor_data(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tt_tensor_rank(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tt_tensor_sizes(nint tensor, long* sizes, long* strides);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long tt_tensor_numel(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tt_tensor_dtype(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tt_tensor_device(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tt_tensor_is_contiguous(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tt_tensor_requires_grad(nint tensor);
    [LibraryImport(Library)] internal static partial int tt_tensor_set_requires_grad(nint tensor, int value);
    [LibraryImport(Library)] internal static partial int tt_tensor_is_leaf(nint tensor);
    [LibraryImport(Library)] internal static partial nint tt_tensor_grad(nint tensor);
    [LibraryImport(Library)] internal static partial int tt_tensor_set_grad(nint tensor, nint grad);
    [LibraryImport(Library)] internal static partial int tt_tensor_set_data(nint tensor, nint data);

    [LibraryImport(Library)]
    internal static partial int tt_backward(
        nint* tensors, nint* gradients, int count, int retain_graph, int create_graph, nint* inputs, int input_count);
    [LibraryImport(Library)]
    internal static partial int tt_grad(
        nint* outputs, nint* gradients, int output_count, nint* inputs, int input_count,
        int retain_graph, int create_graph, int allow_unused, nint* results);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int tt_grad_mode();
    [LibraryImport(Library), SuppressGCTransition] internal static partial void tt_set_grad_mode(int enabled);
    [LibraryImport(Library)] internal static partial void* tt_inference_mode_enter(int enabled);
    [LibraryImport(Library)] internal static partial void tt_inference_mode_leave(void* guard);
    [LibraryImport(Library)] internal static partial int tt_inference_mode();

    [LibraryImport(Library)] internal static partial nint tt_generator_default(int device_type, int device_index);
    [LibraryImport(Library)] internal static partial nint tt_generator_new(int device_type, int device_index);
    [LibraryImport(Library)] internal static partial void tt_generator_free(nint generator);
    [LibraryImport(Library)] internal static partial int tt_generator_seed(nint generator, ulong seed);
    [LibraryImport(Library)] internal static partial ulong tt_generator_initial_seed(nint generator);
    [LibraryImport(Library)] internal static partial nint tt_generator_state(nint generator);
    [LibraryImport(Library)] internal static partial int tt_generator_set_state(nint generator, nint state);
    [LibraryImport(Library)] internal static partial int tt_manual_seed(ulong seed);

    [LibraryImport(Library)] internal static partial byte* tt_torch_version();
    [LibraryImport(Library)] internal static partial int tt_threads();
    [LibraryImport(Library)] internal static partial int tt_set_threads(int threads);
    [LibraryImport(Library)] internal static partial int tt_interop_threads();
    [LibraryImport(Library)] internal static partial int tt_set_interop_threads(int threads);

    [LibraryImport(Library)] internal static partial int tt_cuda_device_count();
    [LibraryImport(Library)] internal static partial int tt_cuda_synchronize(int device);
    [LibraryImport(Library)] internal static partial int tt_set_tf32(int enabled);
    [LibraryImport(Library)] internal static partial int tt_set_reduced_precision_reduction(int bf16, int fp16);

    /// <summary>Throws libtorch's message of this thread's last failure, as the type that TorchSharp throws.</summary>
    internal static Exception Failure() =>
        new ExternalException(Marshal.PtrToStringUTF8((nint)tt_error(0)) ?? "libtorch failed without a message");

    internal static void Check(int status)
    {
        if (status < 0)
            throw Failure();
    }

    internal static nint Check(nint handle) => handle != 0 ? handle : throw Failure();
}
