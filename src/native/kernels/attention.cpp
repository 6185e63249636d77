#include <torch/csrc/autograd/custom_function.h>

#include "operators.h"
#include "parallel.h"

namespace tt {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor rows(const Tensor& x) { return x.stride(-1) == 1 || x.size(-1) == 1 ? x : x.contiguous(); }
HeadsView heads(const Tensor& x) { return {x.data_ptr(), x.stride(0), x.stride(1), x.stride(2)}; }

AttentionShape shape_of(const Tensor& q, const Tensor& k, const Tensor& bias, const Tensor& key_lengths, bool causal, int64_t window,
                        double scale, double soft_cap) {
    AttentionShape s;
    s.type = kernel_type(q);
    s.B = q.size(0); s.Tq = q.size(1); s.H = q.size(2); s.D = q.size(3);
    s.Tk = k.size(1); s.K = k.size(2);
    s.causal = causal; s.window = window; s.scale = (float)scale; s.soft_cap = (float)soft_cap;
    if (key_lengths.defined()) s.key_lengths = key_lengths.data_ptr<int64_t>();
    if (bias.defined()) {
        s.bias = bias.data_ptr<float>();
        for (int i = 0; i < 4; i++) s.bias_strides[i] = bias.stride(i);
    }
    return s;
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& bias,
                          const OptionalTensor& key_lengths, bool causal, int64_t window, double scale, double soft_cap) {
        Tensor q = rows(query), k = rows(key), v = rows(value);
        Tensor lengths = or_undefined(key_lengths), wide;
        AttentionShape s = shape_of(q, k, Tensor(), lengths, causal, window, scale, soft_cap);
        if (bias) {
            wide = bias->to(at::kFloat).expand({s.B, s.H, s.Tq, s.Tk});
            s = shape_of(q, k, wide, lengths, causal, window, scale, soft_cap);
        }
        Tensor out = at::empty({s.B, s.Tq, s.H, s.D}, q.options()), lse = at::empty({s.B, s.H, s.Tq}, q.options().dtype(at::kFloat));
        AttentionForward a{s, heads(q), heads(k), heads(v), out.data_ptr(), lse.data_ptr<float>()};

        const Kernels& kernel = kernels();
        int64_t threads = at::get_num_threads(), blocks = (s.Tq + kernel.query_block - 1) / kernel.query_block;
        int64_t pieces = std::min(blocks, std::max<int64_t>(1, 4 * threads / std::max<int64_t>(1, s.B * s.K)));
        Scratch scratch(kernel.attention_scratch(s), threads);
        for_each_task(s.B * s.K * pieces, [&](int64_t task, int64_t worker) {
            int64_t piece = task % pieces, head = task / pieces;
            kernel.attention_forward(a, head / s.K, head % s.K, blocks * piece / pieces, blocks * (piece + 1) / pieces, scratch.of(worker));
        });

        context->save_for_backward({q, k, v, out, lse, wide, lengths});
        context->saved_data["options"] = c10::IValue(std::make_tuple(causal, window, scale, soft_cap));
        context->saved_data["bias_sizes"] = bias ? bias->sizes().vec() : std::vector<int64_t>();
        context->saved_data["bias_type"] = (int64_t)type_or_float(or_undefined(bias));
        return out;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        refuse_double_backward("attention");
        auto saved = context->get_saved_variables();
        Tensor q = saved[0], k = saved[1], v = saved[2], out = saved[3], lse = saved[4];
        auto [causal, window, scale, soft_cap] = context->saved_data["options"].to<std::tuple<bool, int64_t, double, double>>();
        AttentionShape s = shape_of(q, k, saved[5], saved[6], causal, window, scale, soft_cap);
        Tensor dout = rows(gradients[0].to(q.scalar_type()));
        Tensor dq = at::empty({s.B, s.Tq, s.H, s.D}, q.options()), dk = at::empty({s.B, s.Tk, s.K, s.D}, q.options()),
            dv = at::empty_like(dk);
        AttentionBackward a{s, heads(q), heads(k), heads(v), heads(out), heads(dout), lse.data_ptr<float>(), dq.data_ptr(), dk.data_ptr(),
            dv.data_ptr()};
        Tensor dbias;
        if (saved[5].defined() && context->needs_input_grad(3)) {
            dbias = at::zeros({s.B, s.H, s.Tq, s.Tk}, lse.options());
            a.dbias = dbias.data_ptr<float>();
        }

        const Kernels& kernel = kernels();
        Scratch scratch(kernel.attention_backward_scratch(s), at::get_num_threads());
        for_each_task(s.B * s.K, [&](int64_t task, int64_t worker) {
            kernel.attention_backward(a, task / s.K, task % s.K, scratch.of(worker));
        });

        if (dbias.defined()) {
            auto type = (at::ScalarType)context->saved_data["bias_type"].toInt();
            dbias = at::sum_to(dbias, context->saved_data["bias_sizes"].toIntVector()).to(type);
        }
        return {dq, dk, dv, dbias, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

}  // namespace

Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& bias, const OptionalTensor& key_lengths,
                 bool causal, int64_t window, std::optional<double> scale, double soft_cap) {
    TORCH_CHECK(query.dim() == 4 && key.dim() == 4 && value.dim() == 4,
                "attention: query, key and value are (batch, time, heads, size), not ", query.sizes(), ", ", key.sizes(), ", ",
                    value.sizes());
    TORCH_CHECK(key.sizes() == value.sizes() && key.size(0) == query.size(0) && key.size(3) == query.size(3) && key.size(2) > 0 &&
                query.size(2) % key.size(2) == 0, "attention: query ", query.sizes(), " does not go with key ", key.sizes(), " and value ",
                    value.sizes());
    TORCH_CHECK(query.scalar_type() == key.scalar_type() && key.scalar_type() == value.scalar_type(),
                "attention: query, key and value differ in type: ", query.scalar_type(), ", ", key.scalar_type(), ", ",
                    value.scalar_type());
    TORCH_CHECK(window >= 0 && soft_cap >= 0, "attention: window and soft_cap are not negative");
    TORCH_CHECK(!key_lengths || (key_lengths->dim() == 1 && key_lengths->size(0) == query.size(0)), "attention: key_lengths is (batch)");
    double factor = scale.value_or(1 / std::sqrt((double)query.size(3)));
    if (!on_kernels(query)) return attention_composed(query, key, value, bias, key_lengths, causal, window, factor, soft_cap);
    OptionalTensor lengths = key_lengths ? OptionalTensor(key_lengths->to(at::kLong).contiguous()) : std::nullopt;
    return AttentionFunction::apply(query, key, value, present(bias), lengths, causal, window, factor, soft_cap);
}

}  // namespace tt
