// The operators' names and schemas, and what autocast does with them.
#include <ATen/autocast_mode.h>
#include <torch/library.h>

#include "operators.h"

namespace tt {
namespace {

using at::Tensor;

at::ScalarType common_type(const Tensor& x, const Tensor& weight) {
    TORCH_CHECK(x.scalar_type() == weight.scalar_type(), "x is ", x.scalar_type(), " and weight ", weight.scalar_type());
    return x.scalar_type();
}
LossOptions loss_options(int64_t ignore_index, double label_smoothing, double z_loss, double soft_cap) {
    return {ignore_index, label_smoothing, z_loss, soft_cap};
}

Tensor linear_plain(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
    return linear(x, weight, bias, common_type(x, weight));
}
Tensor linear_activation_plain(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, const std::string& name, bool gated) {
    return linear_activation(x, weight, bias, name, gated, common_type(x, weight));
}
Tensor loss_plain(const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias, const Tensor& targets, int64_t ignore_index,
                  double label_smoothing, double z_loss, double soft_cap) {
    return linear_cross_entropy(hidden, weight, bias, targets, loss_options(ignore_index, label_smoothing, z_loss, soft_cap),
                                common_type(hidden, weight));
}

Tensor attention_plain(const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& bias,
                       const OptionalTensor& key_lengths, bool causal, int64_t window, std::optional<double> scale, double soft_cap,
                       const OptionalTensor& key_mask, const OptionalTensor& documents, const OptionalTensor& prefix,
                       const OptionalTensor& slopes, const OptionalTensor& distance_bias, double dropout) {
    double factor = scale ? *scale : 1 / std::sqrt((double)query.size(-1));
    return attention(query, key, value, {bias, key_lengths, key_mask, documents, prefix, slopes, distance_bias, causal, window, factor,
                                         soft_cap, dropout});
}

// Under autocast: off for what is inside, on again after.
template <c10::DispatchKey Key, at::DeviceType Device> struct Autocast {
    c10::impl::ExcludeDispatchKeyGuard off{Key};
    at::ScalarType type = at::autocast::get_autocast_dtype(Device);

    // Double stays what it is.
    at::ScalarType of(const Tensor& x) const { return x.scalar_type() == at::kDouble ? at::kDouble : type; }
    Tensor cast(const Tensor& x) const { return x.to(of(x)); }

    static Tensor linear(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
        Autocast autocast;
        return tt::linear(x, weight, bias, autocast.of(x));
    }
    static Tensor linear_activation(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, const std::string& name,
                                    bool gated) {
        Autocast autocast;
        return tt::linear_activation(x, weight, bias, name, gated, autocast.of(x));
    }
    static Tensor loss(const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias, const Tensor& targets, int64_t ignore_index,
                       double label_smoothing, double z_loss, double soft_cap) {
        Autocast autocast;
        return linear_cross_entropy(hidden, weight, bias, targets, loss_options(ignore_index, label_smoothing, z_loss, soft_cap),
                                    autocast.of(hidden));
    }
    static Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& bias,
                            const OptionalTensor& key_lengths, bool causal, int64_t window, std::optional<double> scale, double soft_cap,
                            const OptionalTensor& key_mask, const OptionalTensor& documents, const OptionalTensor& prefix,
                            const OptionalTensor& slopes, const OptionalTensor& distance_bias, double dropout) {
        Autocast autocast;
        return attention_plain(autocast.cast(query), autocast.cast(key), autocast.cast(value), bias, key_lengths, causal, window, scale,
                               soft_cap, key_mask, documents, prefix, slopes, distance_bias, dropout);
    }
};

template <class A> void register_autocast(torch::Library& m) {
    m.impl("linear", A::linear);
    m.impl("linear_activation", A::linear_activation);
    m.impl("linear_cross_entropy", A::loss);
    m.impl("attention", A::attention);
}

}  // namespace

TORCH_LIBRARY(transformertorch, m) {
    m.def("attention(Tensor query, Tensor key, Tensor value, *, Tensor? bias=None, Tensor? key_lengths=None, bool causal=False, "
          "int window=0, float? scale=None, float soft_cap=0.0, Tensor? key_mask=None, Tensor? documents=None, Tensor? prefix=None, "
          "Tensor? slopes=None, Tensor? distance_bias=None, float dropout=0.0) -> Tensor");
    m.def("paged_attention(Tensor query, Tensor keys, Tensor values, Tensor pages, Tensor lengths, *, int page, Tensor? bias=None, "
          "int window=0, float scale=1.0, float soft_cap=0.0) -> Tensor");
    m.def("layer_norm(Tensor x, Tensor? weight, Tensor? bias, float eps) -> Tensor");
    m.def("rms_norm(Tensor x, Tensor? weight, float eps) -> Tensor");
    m.def("linear(Tensor x, Tensor weight, Tensor? bias) -> Tensor");
    m.def("linear_activation(Tensor x, Tensor weight, Tensor? bias, str name, *, bool gated=False) -> Tensor");
    m.def("add_norm(Tensor x, Tensor added, Tensor? weight, Tensor? bias, float eps, bool centred=True) -> (Tensor, Tensor)");
    m.def("activation(Tensor x, str name, *, bool gated=False) -> Tensor");
    m.def("quantize_weight(Tensor weight, int bits, int group) -> (Tensor, Tensor)");
    m.def("dequantize_weight(Tensor packed, Tensor scales, int bits, int outputs, int inputs) -> Tensor");
    m.def("quantized_linear(Tensor x, Tensor packed, Tensor scales, Tensor? bias, int bits, int outputs, *, str name='', "
          "bool gated=False) -> Tensor");
    m.def("embedding(Tensor table, Tensor ids, int padding=-1) -> Tensor");
    m.def("rotary(Tensor x, Tensor cos, Tensor sin, *, bool interleaved=False, int heads=0, bool reuse=False) -> Tensor");
    m.def("split_heads(Tensor x, int first, int second, int size=0) -> (Tensor, Tensor, Tensor)");
    m.def("append_heads(Tensor keys, Tensor values, Tensor(a!) key_room, Tensor(b!) value_room, int start, int end) -> "
          "(Tensor(a), Tensor(b))");
    m.def("place_heads(Tensor keys, Tensor values, Tensor(a!) key_room, Tensor(b!) value_room, Tensor slots) -> ()");
    m.def("linear_cross_entropy(Tensor hidden, Tensor weight, Tensor? bias, Tensor targets, *, int ignore_index=-100, "
          "float label_smoothing=0.0, float z_loss=0.0, float soft_cap=0.0) -> Tensor");
    m.def("adamw_(Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] exp_avg, Tensor(c!)[] exp_avg_sq, Tensor(d!)[] halves, "
          "Tensor? grad_scale=None, *, float lr, float beta1, float beta2, float eps, float weight_decay, int step) -> ()");
    m.def("lion_(Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] exp_avg, Tensor(c!)[] halves, Tensor? grad_scale=None, *, "
          "float lr, float beta1, float beta2, float weight_decay) -> ()");
    m.def("sgd_(Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] momentum_buffers, Tensor(c!)[] halves, Tensor? grad_scale=None, *, "
          "float lr, float momentum, float dampening, float weight_decay, bool nesterov, bool first_step) -> ()");
    m.def("adafactor_(Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] rows, Tensor(c!)[] columns, Tensor(d!)[] halves, "
          "Tensor? grad_scale=None, *, float lr, float beta2, float eps1, float eps2, float clip_threshold, float weight_decay, "
          "bool scale_parameter) -> ()");
    m.def("grad_norm(Tensor[] grads) -> Tensor");
}

// Differentiable as they stand, on every device and for shapes alone: what they call is.
TORCH_LIBRARY_IMPL(transformertorch, CompositeImplicitAutograd, m) {
    m.impl("attention", attention_plain);
    m.impl("paged_attention", paged_attention);
    m.impl("layer_norm", layer_norm);
    m.impl("rms_norm", rms_norm);
    m.impl("linear", linear_plain);
    m.impl("linear_activation", linear_activation_plain);
    m.impl("add_norm", add_norm);
    m.impl("activation", activation);
    m.impl("quantize_weight", quantize_weight);
    m.impl("dequantize_weight", dequantize_weight);
    m.impl("quantized_linear", quantized_linear);
    m.impl("embedding", embedding);
    m.impl("rotary", rotary);
    m.impl("split_heads", split_heads);
    m.impl("append_heads", append_heads);
    m.impl("place_heads", place_heads);
    m.impl("linear_cross_entropy", loss_plain);
    m.impl("adamw_", adamw_);
    m.impl("lion_", lion_);
    m.impl("sgd_", sgd_);
    m.impl("adafactor_", adafactor_);
    m.impl("grad_norm", grad_norm);
}
TORCH_LIBRARY_IMPL(transformertorch, AutocastCPU, m) { register_autocast<Autocast<c10::DispatchKey::AutocastCPU, at::kCPU>>(m); }
TORCH_LIBRARY_IMPL(transformertorch, Autocast, m) { register_autocast<Autocast<c10::DispatchKey::AutocastCUDA, at::kCUDA>>(m); }

}  // namespace tt
