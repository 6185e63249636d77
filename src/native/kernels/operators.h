// The operators of namespace transformertorch. Each is one function over differentiable tensors: our kernels where they serve (on the CPU
// fp32 and bf16, on GPUs fp16 as well), libtorch's operators elsewhere (double).
#pragma once
#include <optional>
#include <string>
#include <tuple>

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>

#include "gpu.h"
#include "kernels.h"

namespace tt {

using OptionalTensor = std::optional<at::Tensor>;

// Beyond query, key and value: see the operator's schema. Absent tensors are nullopt.
struct AttentionOptions {
    OptionalTensor bias;            // added to the scores, broadcastable to (B, H, Tq, Tk); has a gradient
    OptionalTensor key_lengths;     // (B): keys from there on are hidden
    OptionalTensor key_mask;        // (B, Tk): keys where it is 0 are hidden
    OptionalTensor documents;       // (B, Tk): a query sees keys of the same document alone
    OptionalTensor prefix;          // (B): causality does not hide keys before it
    OptionalTensor slopes;          // (H): ALiBi's, times key position less query position is added
    OptionalTensor distance_bias;   // (H, Tq + Tk - 1): added by query position - key + Tq - 1; has a gradient
    bool causal = false;
    int64_t window = 0;
    double scale = 1, soft_cap = 0, dropout = 0;
};
at::Tensor attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, AttentionOptions options);
at::Tensor attention_composed(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const AttentionOptions& options);
at::Tensor paged_attention(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, const at::Tensor& pages,
                           const at::Tensor& lengths, int64_t page, const OptionalTensor& bias, int64_t window, double scale,
                           double soft_cap);
at::Tensor layer_norm(const at::Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias, double eps);
at::Tensor rms_norm(const at::Tensor& x, const OptionalTensor& weight, double eps);
// x + added, and the norm of that.
std::tuple<at::Tensor, at::Tensor> add_norm(const at::Tensor& x, const at::Tensor& added, const OptionalTensor& weight,
                                            const OptionalTensor& bias, double eps, bool centred);
// gelu, gelu_tanh, silu or relu of x; gated: of its first half along the last dimension, times the second.
at::Tensor activation(const at::Tensor& x, const std::string& name, bool gated);
// Of the first `heads` heads, 0: of all; reuse: x is not used again, and its memory may serve the result.
at::Tensor rotary(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool interleaved, int64_t heads, bool reuse);
// Heads (B, T, N, D), or with their size (B, T, N D), as their first, their next and the others, which stay where they are; gradients that
// lie so are not copied either.
std::tuple<at::Tensor, at::Tensor, at::Tensor> split_heads(const at::Tensor& x, int64_t first, int64_t second, int64_t size);
// Keys and values (B, T, K, D) put into rooms (B, capacity, K, D) from position `end` on: views of what these hold from `start`, which
// are not for gradients across later changes of the room.
std::tuple<at::Tensor, at::Tensor> append_heads(const at::Tensor& keys, const at::Tensor& values, const at::Tensor& key_room,
                                                const at::Tensor& value_room, int64_t start, int64_t end);
// Keys and values (1, N, K, D) put into rooms (slots, K, D) where the slots (N) say.
void place_heads(const at::Tensor& keys, const at::Tensor& values, const at::Tensor& key_room, const at::Tensor& value_room,
                 const at::Tensor& slots);
// Rows of a table by index; those of `padding` get no gradient.
at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids, int64_t padding);
// A table that was read by rows in a graph that lives, so that its gradients meet before they are whole; any other weight as it is.
at::Tensor as_read(const at::Tensor& table);

// `type`: what the products are computed in (autocast's), and the type of the result.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias, at::ScalarType type);
// activation(linear(...)) in one: the function where the products end, and its gradient together with the bias's.
at::Tensor linear_activation(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias, const std::string& name,
                             bool gated, at::ScalarType type);
at::Tensor linear_cross_entropy(const at::Tensor& hidden, const at::Tensor& weight, const OptionalTensor& bias, const at::Tensor& targets,
                                const LossOptions& options, at::ScalarType type);

// A weight (outputs, inputs) in 8 or 4 bits with a scale for every `group` inputs, as quantized.inl lays it out.
std::tuple<at::Tensor, at::Tensor> quantize_weight(const at::Tensor& weight, int64_t bits, int64_t group);
at::Tensor dequantize_weight(const at::Tensor& packed, const at::Tensor& scales, int64_t bits, int64_t outputs, int64_t inputs);
// name: of the function that follows, as linear_activation's; empty: none.
at::Tensor quantized_linear(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& scales, const OptionalTensor& bias,
                            int64_t bits, int64_t outputs, const std::string& name, bool gated);

void adamw_(at::TensorList params, at::TensorList grads, at::TensorList exp_avg, at::TensorList exp_avg_sq, at::TensorList halves,
            const OptionalTensor& grad_scale, double lr, double beta1, double beta2, double eps, double weight_decay, int64_t step);
void lion_(at::TensorList params, at::TensorList grads, at::TensorList exp_avg, at::TensorList halves, const OptionalTensor& grad_scale,
           double lr, double beta1, double beta2, double weight_decay);
void sgd_(at::TensorList params, at::TensorList grads, at::TensorList momentum_buffers, at::TensorList halves,
          const OptionalTensor& grad_scale, double lr, double momentum, double dampening, double weight_decay, bool nesterov,
          bool first_step);
void adafactor_(at::TensorList params, at::TensorList grads, at::TensorList rows, at::TensorList columns, at::TensorList halves,
                const OptionalTensor& grad_scale, double lr, double beta2, double eps1, double eps2, double clip_threshold,
                double weight_decay, bool scale_parameter);
at::Tensor grad_norm(at::TensorList grads);

// Uninitialised, on the CPU, without asking the dispatcher which device that is.
inline at::Tensor fresh(at::IntArrayRef sizes, at::ScalarType type) { return at::detail::empty_cpu(sizes, type); }
// The same memory under a name without history: autograd is not told of what is written there later.
inline at::Tensor same_memory(const at::Tensor& x, at::IntArrayRef sizes, at::IntArrayRef strides, int64_t offset) {
    at::AutoDispatchBelowADInplaceOrView plain;
    return at::as_strided(x, sizes, strides, offset);
}

// Whether our CPU kernels take it.
inline bool on_kernels(const at::Tensor& x) { return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16); }
// Whether our GPU kernels take it.
inline bool on_gpu(const at::Tensor& x) {
    return x.is_cuda() && gpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf);
}
inline bool on_either(const at::Tensor& x) { return on_kernels(x) || on_gpu(x); }
inline Type kernel_type(const at::Tensor& x) {
    return x.scalar_type() == at::kBFloat16 ? Type::bf16 : x.scalar_type() == at::kHalf ? Type::f16 : Type::f32;
}
template <class... Tensors> bool wants_gradient(const Tensors&... x) {
    return at::GradMode::is_enabled() && ((x.defined() && x.requires_grad()) || ...);
}
// An autograd function is given an absent tensor as nullopt, and numbers only those that are there.
inline OptionalTensor present(const OptionalTensor& x) { return x && x->defined() ? x : std::nullopt; }
inline at::Tensor or_undefined(const OptionalTensor& x) { return x.value_or(at::Tensor()); }
// What a backward pass reads where it lies, for save_for_backward: so that a change of it in between is told.
inline at::Tensor read_again(const OptionalTensor& x) { return x && x->scalar_type() == at::kFloat ? *x : at::Tensor(); }
inline at::Tensor as_float(const at::Tensor& x) {
    return !x.defined() || (x.scalar_type() == at::kFloat && x.is_contiguous()) ? x : x.to(at::kFloat).contiguous();
}
inline const float* floats(const at::Tensor& x) { return x.defined() ? x.data_ptr<float>() : nullptr; }
inline at::ScalarType type_or_float(const at::Tensor& x) { return x.defined() ? x.scalar_type() : at::kFloat; }
// Rows contiguous and of the given type; the sum over rows in fp32; whether oneDNN serves a product of these in `type`.
at::Tensor in_type(const at::Tensor& x, at::ScalarType type);
at::Tensor sum_rows(const at::Tensor& x);
bool products_serve(const at::Tensor& x, const at::Tensor& weight, at::ScalarType type);
struct ActivationOptions { Activation kind; bool gated; };
// Fails where there is none of the name, or a width to gate is odd.
ActivationOptions activation_named(const std::string& name, bool gated, int64_t width);
// Of contiguous x, into y; y may be x where nothing gates.
void activate(const at::Tensor& x, ActivationOptions function, const at::Tensor& y);
at::Tensor activated(const at::Tensor& x, ActivationOptions function);
// The gradient of x (rows, width), from that of the result; and where wanted its sum over rows, in fp32.
at::Tensor activation_gradient(const at::Tensor& x, const at::Tensor& dy, ActivationOptions function, at::Tensor* sum);
// On device meta, which has no memory: a result of such a shape, with gradients to what it is made of.
inline at::Tensor shaped(at::IntArrayRef sizes, at::TensorOptions like, at::ScalarType type, std::initializer_list<OptionalTensor> of) {
    at::Tensor y = at::empty(sizes, like.dtype(type).requires_grad(false));
    for (const OptionalTensor& x : of)
        if (x && x->defined() && wants_gradient(*x)) y = y + (0 * x->sum()).to(type);
    return y;
}
// A gradient of a gradient would silently miss what our kernels compute.
inline void refuse_double_backward(const char* name) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "transformertorch::", name,
                " has no second derivative; take the plain operators for create_graph");
}

}  // namespace tt
