#include "attention_cuda.h"

#include <torch/csrc/autograd/custom_function.h>

#include "attention_device_plan.h"
#include "device_host.h"

namespace tt {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using PlanPointer = c10::intrusive_ptr<DevicePlan>;

struct DeviceAttentionFunction : torch::autograd::Function<DeviceAttentionFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& bias,
                          const OptionalTensor& distance_bias, const PlanPointer& plan) {
        DeviceGuard guard(query);
        Tensor q = rows(query), k = rows(key), v = rows(value), parts;
        DeviceAttention a = plan->attention;
        Tensor out = at::empty({a.B, a.Tq, a.H, a.D}, q.options()), lse = at::empty({a.B, a.H, a.Tq}, q.options().dtype(at::kFloat));
        a.q = heads_of(q); a.k = heads_of(k); a.v = heads_of(v);
        a.vectors = in_vectors(q) && in_vectors(k) && in_vectors(v);
        a.out = out.data_ptr(); a.lse = lse.data_ptr<float>();
        if (a.splits > 1) {
            parts = at::empty({a.splits, a.B, a.H, a.Tq, a.D + 1}, lse.options());
            a.parts = parts.data_ptr<float>();
        }
        by_element(q, [&](auto type) { DeviceKernels<decltype(type)>::forward(a); });
        context->save_for_backward({q, k, v, out, lse, read_again(bias), read_again(distance_bias)});
        context->saved_data["plan"] = c10::IValue::make_capsule(plan);
        context->saved_data["bias_sizes"] = bias ? bias->sizes().vec() : std::vector<int64_t>();
        context->saved_data["bias_like"] = bias ? at::empty({0}, bias->options()) : Tensor();
        context->saved_data["distance_like"] = distance_bias ? at::empty({0}, distance_bias->options()) : Tensor();
        return out;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        refuse_double_backward("attention");
        auto saved = context->get_saved_variables();
        Tensor q = saved[0], k = saved[1], v = saved[2], out = saved[3], lse = saved[4];
        DeviceGuard guard(q);
        auto plan = c10::static_intrusive_pointer_cast<DevicePlan>(context->saved_data["plan"].toCapsule());
        DeviceAttention a = plan->attention;
        Tensor dout = rows(gradients[0].to(q.scalar_type()));
        Tensor dq = at::empty({a.B, a.Tq, a.H, a.D}, q.options()), dk = at::empty({a.B, a.Tk, a.K, a.D}, q.options()),
            dv = at::empty_like(dk), delta = at::empty_like(lse), dbias, ddistance, diagonals;
        a.q = heads_of(q); a.k = heads_of(k); a.v = heads_of(v); a.dout = heads_of(dout);
        a.vectors = in_vectors(q) && in_vectors(k) && in_vectors(v) && in_vectors(dout);
        a.out = out.data_ptr(); a.lse = lse.data_ptr<float>(); a.delta = delta.data_ptr<float>();
        a.dq = dq.data_ptr(); a.dk = dk.data_ptr(); a.dv = dv.data_ptr();
        if (a.bias && context->needs_input_grad(3)) {
            // One number for all keys of a row changes no weight.
            const bool by_key = plan->bias_sizes[3] == a.Tk && a.Tk > 1;
            dbias = by_key ? at::empty(plan->bias_sizes, lse.options()) : at::zeros(plan->bias_sizes, lse.options());
            if (by_key) a.dbias = dbias.data_ptr<float>();
        }
        if (a.distance_bias && context->needs_input_grad(a.bias ? 4 : 3)) {
            ddistance = at::empty({a.H, a.Tq + a.Tk - 1}, lse.options());
            by_element(q, [&](auto type) {
                diagonals = at::empty({DeviceKernels<decltype(type)>::diagonal_floats(a)}, lse.options());
            });
            a.ddistance = ddistance.data_ptr<float>();
            a.diagonals = diagonals.data_ptr<float>();
        }
        by_element(q, [&](auto type) { DeviceKernels<decltype(type)>::backward(a); });
        if (dbias.defined())
            dbias = dbias.view(context->saved_data["bias_sizes"].toIntVector()).to(context->saved_data["bias_like"].toTensor().options());
        if (ddistance.defined()) ddistance = ddistance.to(context->saved_data["distance_like"].toTensor().options());
        return {dq, dk, dv, dbias, ddistance, Tensor()};
    }
};

}  // namespace

Tensor attention_on_device(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionOptions& options) {
    DeviceGuard guard(query);
    auto plan = c10::make_intrusive<DevicePlan>(query, key, options);
    by_element(query, [&](auto type) { plan->split_keys(DeviceKernels<decltype(type)>::key_block((int)query.size(3))); });
    return DeviceAttentionFunction::apply(query, key, value, options.bias, options.distance_bias, plan);
}

// A sequence's last position is its query's own; its keys lie in pages. Lengths and pages are not looked at before the kernel does.
Tensor paged_attention_on_device(const Tensor& query, const Tensor& keys, const Tensor& values, const Tensor& pages, const Tensor& lengths,
                                 int64_t page, const OptionalTensor& bias, int64_t window, double scale, double soft_cap) {
    DeviceGuard guard(query);
    const int64_t width = pages.size(1) * page;   // positions that a sequence can have
    Tensor q = rows(query).unsqueeze(1), table = pages.to(query.device(), at::kLong).contiguous(),
        counts = lengths.to(query.device(), at::kLong).contiguous();
    AttentionOptions options;
    options.causal = true; options.window = window; options.scale = scale; options.soft_cap = soft_cap;
    DevicePlan plan(q, keys.unsqueeze(0), options);   // (N, 1, H, D), (1, slots, K, D)
    DeviceAttention& a = plan.attention;
    a.Tk = (int)width;
    by_element(q, [&](auto type) { plan.split_keys(DeviceKernels<decltype(type)>::key_block(a.D)); });
    if (present(bias)) {   // (1 or N, H, 1, longest or more)
        plan.bias = bias->detach().to(query.device(), at::kFloat);
        TORCH_CHECK(plan.bias.dim() == 4, "paged_attention: bias ", plan.bias.sizes());
        a.bias = plan.bias.data_ptr();
        for (int i = 0; i < 4; i++) a.bias_strides[i] = plan.bias.size(i) == 1 ? 0 : plan.bias.stride(i);
    }
    Tensor out = at::empty({a.B, 1, a.H, a.D}, q.options()), parts;
    a.q = heads_of(q); a.k = heads_of(keys.unsqueeze(0)); a.v = heads_of(values.unsqueeze(0));
    a.vectors = in_vectors(q) && in_vectors(keys.unsqueeze(0)) && in_vectors(values.unsqueeze(0));
    a.lengths = counts.data_ptr<int64_t>(); a.table = table.data_ptr<int64_t>();
    a.page = (int)page; a.pages = (int)table.size(1);
    a.out = out.data_ptr();
    if (a.splits > 1) {
        parts = at::empty({a.splits, a.B, a.H, 1, a.D + 1}, q.options().dtype(at::kFloat));
        a.parts = parts.data_ptr<float>();
    }
    by_element(q, [&](auto type) { DeviceKernels<decltype(type)>::forward(a); });
    return out.squeeze(1);
}

}  // namespace tt
