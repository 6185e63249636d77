// The C ABI between .NET and libtorch: one shared library (libtransformertorch), called through P/Invoke.
//
// Handles. A tt_tensor is a heap-allocated at::Tensor*, the same thing that TorchSharp's own Tensor.Handle is, so the bridge serves
// both. Whoever receives one owns it and gives it back with tt_tensor_free. Arguments are borrowed for the call.
// Errors. A function that can fail returns TT_FAILED or TT_OUT_OF_MEMORY (both negative), or NULL for a pointer; tt_error then holds
// this thread's message. Where NULL may also mean "there is none", tt_error is then "". The process stays usable. Booleans are int32_t.
// Threads. Every function may be called from any thread; grad mode, inference mode, autocast and tt_error are each thread's own.
#ifndef TT_H
#define TT_H
#include <stdint.h>

#if defined(_WIN32)
#define TT_API __declspec(dllexport)
#else
#define TT_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum { TT_OK = 0, TT_FAILED = -1, TT_OUT_OF_MEMORY = -2 };

typedef void* tt_tensor;     // at::Tensor*
typedef void* tt_operator;   // an operator and what its schema says; never freed: one an operator, for as long as the process lives
typedef void* tt_generator;  // at::Generator*
typedef void* tt_hook;
typedef void* tt_stream;
typedef void* tt_event;
typedef void* tt_graph;

// ---- errors ---------------------------------------------------------------------------------------------------------------------

// The last failure's message on this thread: its first line, or with the C++ trace where `full` is set. Valid until the next failure.
TT_API const char* tt_error(int32_t full);

// ---- operators ------------------------------------------------------------------------------------------------------------------

// One argument or result of an operator, 16 bytes. Scalars (at::Scalar) are passed as TT_INT, TT_DOUBLE or TT_BOOL; dtype, layout and
// memory format as TT_INT; a device as TT_DEVICE with i = type | (index & 0xff) << 8 (index 255: none).
// Arguments are fitted to the schema: an int where it has a float, ints where it has floats or Scalars, one number where it has a list,
// a number where it has a Tensor (it then takes part in type promotion as a Python number does), TT_NONE where it is optional.
// Anything else fails with a message that names the argument and shows the schema. A result that is an undefined tensor is TT_NONE.
enum {
    TT_NONE = 0, TT_TENSOR = 1, TT_INT = 2, TT_DOUBLE = 3, TT_BOOL = 4,
    TT_INTS = 5,              // p: int64_t[n]
    TT_TENSORS = 6,           // p: tt_tensor[n]; as a result (of any list or string): give p back with tt_free,
                              // each tensor with tt_tensor_free
    TT_STRING = 7,            // p: UTF-8, n bytes
    TT_DEVICE = 8,
    TT_DOUBLES = 9,           // p: double[n]
    TT_OPTIONAL_TENSORS = 10, // p: tt_tensor[n], NULL where absent (indexing)
    TT_GENERATOR = 11,        // p: tt_generator
    TT_BOOLS = 12,            // p: int32_t[n]
    TT_DEFAULT = 13           // the schema's own default
};
typedef struct {
    int32_t tag;
    int32_t n;
    union { void* p; int64_t i; double d; };
} tt_value;

// Finds an operator such as ("aten::add", "Tensor"); NULL where libtorch has none of that name.
TT_API tt_operator tt_operator_find(const char* name, const char* overload);
// Calls it through the dispatcher (autograd, autocast and device selection included). Missing trailing arguments take the schema's
// defaults. Returns the number of results, at most max_results of which are written.
TT_API int32_t tt_operator_call(tt_operator op, const tt_value* arguments, int32_t count, tt_value* results, int32_t max_results);
TT_API void tt_free(void* memory);

// ---- tensors --------------------------------------------------------------------------------------------------------------------

TT_API void tt_tensor_free(tt_tensor tensor);
TT_API tt_tensor tt_tensor_alias(tt_tensor tensor);                       // another handle on the same tensor (same identity)
// A contiguous CPU tensor over memory that is not copied. `release(context)` (may be NULL) is called once, on any thread, when its
// storage goes. Where this fails it is not called: the memory is still the caller's.
TT_API tt_tensor tt_tensor_from_memory(void* data, const int64_t* sizes, int32_t rank, int32_t dtype,
                                       void (*release)(void* context), void* context);
TT_API void* tt_tensor_data(tt_tensor tensor);                            // its first element; NULL where it has no storage
TT_API int32_t tt_tensor_rank(tt_tensor tensor);
TT_API int32_t tt_tensor_sizes(tt_tensor tensor, int64_t* sizes, int64_t* strides);   // either may be NULL
TT_API int64_t tt_tensor_numel(tt_tensor tensor);
TT_API int32_t tt_tensor_dtype(tt_tensor tensor);                         // c10::ScalarType
TT_API int32_t tt_tensor_device(tt_tensor tensor);                        // type | (index & 0xff) << 8
TT_API int32_t tt_tensor_is_contiguous(tt_tensor tensor);
TT_API void* tt_tensor_storage(tt_tensor tensor);                         // identity of its storage, to tell tied tensors
TT_API int32_t tt_tensor_is_same(tt_tensor a, tt_tensor b);               // one TensorImpl
TT_API int32_t tt_tensor_requires_grad(tt_tensor tensor);
TT_API int32_t tt_tensor_set_requires_grad(tt_tensor tensor, int32_t value);
TT_API int32_t tt_tensor_is_leaf(tt_tensor tensor);
TT_API tt_tensor tt_tensor_grad(tt_tensor tensor);                        // NULL where there is none
TT_API int32_t tt_tensor_set_grad(tt_tensor tensor, tt_tensor grad);      // shape, dtype, device as the tensor's; grad may be NULL
TT_API int32_t tt_tensor_set_data(tt_tensor tensor, tt_tensor data);      // keeps identity and hooks

// ---- autograd -------------------------------------------------------------------------------------------------------------------

// `gradients` may be NULL, as may each of them: ones, for a tensor of one element. Without `inputs` every leaf gets its gradient.
TT_API int32_t tt_backward(const tt_tensor* tensors, const tt_tensor* gradients, int32_t count, int32_t retain_graph,
                           int32_t create_graph, const tt_tensor* inputs, int32_t input_count);
// results[i]: the gradient of inputs[i], NULL where allow_unused and it has none.
TT_API int32_t tt_grad(const tt_tensor* outputs, const tt_tensor* gradients, int32_t output_count, const tt_tensor* inputs,
                       int32_t input_count, int32_t retain_graph, int32_t create_graph, int32_t allow_unused, tt_tensor* results);
TT_API int32_t tt_grad_mode(void);
TT_API void tt_set_grad_mode(int32_t enabled);
TT_API void* tt_inference_mode_enter(int32_t enabled);                    // a guard; leave on the same thread, in reverse order
TT_API void tt_inference_mode_leave(void* guard);
TT_API int32_t tt_inference_mode(void);
// A hook is called on whichever thread runs backward (the caller's for the CPU). The gradient it is given is borrowed for the call
// (tt_tensor_alias keeps it). It returns a replacement, which the bridge then owns, or NULL to keep the gradient. A hook that fails
// calls tt_hook_failed before it returns; backward then fails with that message. No foreign exception may leave a hook.
// `release(context)` (may be NULL) is called once when nothing can call the hook any more; never where adding it failed.
typedef tt_tensor (*tt_hook_function)(void* context, tt_tensor gradient);
TT_API tt_hook tt_hook_add(tt_tensor tensor, tt_hook_function function, void* context, void (*release)(void* context));
// Called after the gradient of a leaf has been accumulated into .grad, and given the leaf; what it returns is dropped.
TT_API tt_hook tt_hook_add_after_accumulate(tt_tensor tensor, tt_hook_function function, void* context, void (*release)(void* context));
TT_API int32_t tt_hook_remove(tt_hook hook);                              // takes the hook away and frees the handle
TT_API void tt_hook_free(tt_hook hook);                                   // frees the handle alone: the hook stays
TT_API void tt_hook_failed(const char* message);

// ---- autocast (device: c10::DeviceType, 0 CPU, 1 CUDA) --------------------------------------------------------------------------

TT_API int32_t tt_autocast(int32_t device);
TT_API int32_t tt_autocast_dtype(int32_t device);
// Enter writes what was set (enabled, dtype, cache) into `previous`, which leave takes back, on the same thread and in reverse order.
// Returns the nesting depth after it; the cache of converted weights is dropped when the outermost is left.
TT_API int32_t tt_autocast_enter(int32_t device, int32_t enabled, int32_t dtype, int32_t cache, int32_t* previous /* [3] */);
TT_API int32_t tt_autocast_leave(int32_t device, const int32_t* previous /* [3] */);

// ---- random numbers -------------------------------------------------------------------------------------------------------------

TT_API tt_generator tt_generator_default(int32_t device_type, int32_t device_index);   // a handle on the one there is; free it too
TT_API tt_generator tt_generator_new(int32_t device_type, int32_t device_index);       // seeded as a new torch.Generator is
TT_API void tt_generator_free(tt_generator generator);
TT_API int32_t tt_generator_seed(tt_generator generator, uint64_t seed);
TT_API uint64_t tt_generator_initial_seed(tt_generator generator);        // 0 where it fails
TT_API tt_tensor tt_generator_state(tt_generator generator);              // a byte tensor on the CPU
TT_API int32_t tt_generator_set_state(tt_generator generator, tt_tensor state);
TT_API int32_t tt_manual_seed(uint64_t seed);                             // every device's default generator

// ---- the machine ----------------------------------------------------------------------------------------------------------------

TT_API const char* tt_torch_version(void);                                // "2.6.0": of the headers it was built with
TT_API const char* tt_build_info(void);                                   // compiler, headers' version, kernels, BLAS in front, CUDA or not
TT_API const char* tt_torch_config(void);                                 // at::show_config()
TT_API const char* tt_attention_kernel(void);                             // of this thread's last attention on CUDA, and why; "" elsewhere
TT_API int32_t tt_threads(void);
TT_API int32_t tt_set_threads(int32_t threads);                           // this thread, and threads that have not computed yet
TT_API int32_t tt_interop_threads(void);
TT_API int32_t tt_set_interop_threads(int32_t threads);                   // once, before the first parallel work

// Memory of the CPU's tensors of 16 KB and more, in bytes; all zero under TT_ALLOCATOR=system. `restart`: the peak is counted from here.
typedef struct { int64_t used, kept, peak; } tt_cpu_memory;   // kept: free, for the next that fits
TT_API int32_t tt_cpu_memory_stats(tt_cpu_memory* memory, int32_t restart);

// ---- CUDA (TT_FAILED with a message where the bridge was built without it) -------------------------------------------------------

typedef struct {
    char name[256];
    int64_t total_memory;          // bytes
    int32_t major, minor;          // compute capability
    int32_t multiprocessors;
    int32_t clock_khz, memory_clock_khz, memory_bus_bits;
    int64_t l2_bytes;
} tt_cuda_properties;
typedef struct { int64_t allocated, reserved, peak_allocated, peak_reserved, free, total; } tt_cuda_memory;   // bytes

TT_API int32_t tt_cuda_built(void);
TT_API int32_t tt_cuda_device_count(void);                                // 0 without CUDA
TT_API int32_t tt_cuda_device_properties(int32_t device, tt_cuda_properties* properties);
TT_API int32_t tt_cuda_current_device(void);
TT_API int32_t tt_cuda_set_device(int32_t device);
TT_API int32_t tt_cuda_synchronize(int32_t device);
TT_API int32_t tt_cuda_memory_stats(int32_t device, tt_cuda_memory* memory);
TT_API int32_t tt_cuda_reset_peak_memory(int32_t device);
TT_API int32_t tt_cuda_empty_cache(void);
TT_API int32_t tt_set_tf32(int32_t enabled);                              // matrix products and cuDNN
TT_API int32_t tt_set_reduced_precision_reduction(int32_t bf16, int32_t fp16);
TT_API tt_stream tt_cuda_stream_new(int32_t device, int32_t high_priority);
TT_API tt_stream tt_cuda_stream_current(int32_t device);
TT_API int32_t tt_cuda_stream_set(tt_stream stream);
TT_API int32_t tt_cuda_stream_synchronize(tt_stream stream);
TT_API int32_t tt_cuda_stream_wait(tt_stream stream, tt_event event);
TT_API void tt_cuda_stream_free(tt_stream stream);
TT_API tt_event tt_cuda_event_new(int32_t timing);
TT_API int32_t tt_cuda_event_record(tt_event event, tt_stream stream);
TT_API int32_t tt_cuda_event_query(tt_event event);                       // 1 done, 0 not yet
TT_API int32_t tt_cuda_event_synchronize(tt_event event);
TT_API int32_t tt_cuda_event_elapsed(tt_event start, tt_event end, float* milliseconds);
TT_API void tt_cuda_event_free(tt_event event);
TT_API tt_graph tt_cuda_graph_new(void);
TT_API int32_t tt_cuda_graph_capture_begin(tt_graph graph);               // on the current, non-default stream
TT_API int32_t tt_cuda_graph_capture_end(tt_graph graph);
TT_API int32_t tt_cuda_graph_replay(tt_graph graph);
TT_API void tt_cuda_graph_free(tt_graph graph);
// What libtorch does where it waits for the device: 0 nothing, 1 warns, 2 fails.
TT_API int32_t tt_cuda_watch_waits(int32_t level);

#ifdef __cplusplus
}
#endif
#endif
