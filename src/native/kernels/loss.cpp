// The output projection and its cross-entropy, a chunk of rows at a time: the logits of the whole batch never exist. Where a gradient is
// wanted it is computed in the same pass, while a chunk's logits are at hand, and scaled in backward.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/graph_task.h>

#include "operators.h"
#include "parallel.h"
#ifdef TT_HAVE_DNNL
#include "onednn.h"
#endif

namespace tt {

using at::Tensor;

// From libtorch's operators, chunk by chunk where no gradient is wanted.
static Tensor composed(const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias, const Tensor& targets, const LossOptions& o,
                       at::ScalarType type) {
    Tensor total = at::zeros({}, hidden.options().dtype(hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat));
    for (int64_t first = 0; first < hidden.size(0); first += 4096) {
        Tensor x = hidden.slice(0, first, first + 4096), y = targets.slice(0, first, first + 4096);
        OptionalTensor b = bias ? OptionalTensor(bias->to(type)) : std::nullopt;
        Tensor logits = at::linear(x.to(type), weight.to(type), b).to(total.scalar_type());
        if (o.soft_cap > 0) logits = at::tanh(logits / o.soft_cap) * o.soft_cap;
        total = total + at::cross_entropy_loss(logits, y, {}, at::Reduction::Sum, o.ignore_index, o.label_smoothing);
        if (o.z_loss > 0) total = total + at::logsumexp(logits, -1).square().masked_fill(y == o.ignore_index, 0).sum() * o.z_loss;
    }
    return total;
}

#ifdef TT_HAVE_DNNL
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct LossFunction : torch::autograd::Function<LossFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias,
                          const Tensor& targets, LossOptions o, at::ScalarType type, bool wants_hidden, bool wants_weight,
                              bool wants_bias) {
        Tensor x = in_type(hidden, type);
        const int64_t N = x.size(0), C = x.size(1), V = weight.size(0);
        const bool wants = wants_hidden || wants_weight || wants_bias, lower = type == at::kBFloat16;
        const int64_t chunk = std::min(N, std::max<int64_t>(256, (int64_t)(16 << 20) / (4 * std::max<int64_t>(1, V))));
        auto fp32 = x.options().dtype(at::kFloat);
        Tensor b = as_float(or_undefined(bias));
        Tensor logits = at::empty({chunk, V}, fp32), lowered = wants && lower ? at::empty({chunk, V}, x.options()) : Tensor();
        Tensor losses = at::empty({N}, fp32), dhidden, dweight, dbias;
        if (wants_hidden) dhidden = at::empty({N, C}, hidden.options());
        if (wants_weight) dweight = N > 0 ? at::empty({V, C}, fp32) : at::zeros({V, C}, fp32);
        if (wants_bias) dbias = at::zeros({V}, fp32);

        for (int64_t first = 0; first < N; first += chunk) {
            const int64_t rows = std::min(chunk, N - first);
            Tensor part = x.narrow(0, first, rows), out = logits.narrow(0, 0, rows);
            multiply_weight(matrix(part), weight, Use::transposed, type_of(x), matrix(out), {floats(b)});
            const int64_t* wanted = targets.data_ptr<int64_t>() + first;
            float *scores = out.data_ptr<float>(), *each = losses.data_ptr<float>() + first;
            for_each_task((rows + 7) / 8, [&](int64_t task, int64_t) {
                int64_t row = task * 8, count = std::min<int64_t>(8, rows - row);
                void* to = lowered.defined() ? lowered.data_ptr<at::BFloat16>() + row * V : nullptr;
                kernels().cross_entropy(o, scores + row * V, count, V, wanted + row, each + row, wants, to);
            });
            Tensor gradient = lowered.defined() ? lowered.narrow(0, 0, rows) : out;
            if (wants_hidden) multiply_weight(matrix(gradient), weight, Use::as_is, type_of(x), matrix(dhidden.narrow(0, first, rows)));
            if (wants_weight) multiply(matrix(gradient).transposed(), matrix(part), matrix(dweight), {nullptr, first > 0});
            if (wants_bias) dbias.add_(sum_rows(gradient));
        }
        context->saved_data["weight_type"] = (int64_t)weight.scalar_type();
        context->saved_data["bias_type"] = (int64_t)type_or_float(or_undefined(bias));
        context->save_for_backward({dhidden, dweight, dbias});
        return losses.sum(at::kDouble).to(at::kFloat);
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        refuse_double_backward("linear_cross_entropy");
        auto saved = context->get_saved_variables();
        bool once = !torch::autograd::get_current_graph_task_keep_graph();   // then nobody reads them again
        auto scaled = [&](Tensor x, at::ScalarType type) {
            if (!x.defined()) return x;
            Tensor factor = gradients[0].to(x.scalar_type());
            return (once ? x.mul_(factor) : x.mul(factor)).to(type);
        };
        auto type = [&](const char* name) { return (at::ScalarType)context->saved_data[name].toInt(); };
        Tensor none;
        return {scaled(saved[0], saved[0].defined() ? saved[0].scalar_type() : at::kFloat), scaled(saved[1], type("weight_type")),
                scaled(saved[2], type("bias_type")), none, none, none, none, none, none};
    }
};

}  // namespace
#endif

Tensor linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias, const Tensor& targets,
                            const LossOptions& o, at::ScalarType type) {
    TORCH_CHECK(hidden.dim() == 2 && weight.dim() == 2 && hidden.size(1) == weight.size(1) && targets.dim() == 1
                && targets.size(0) == hidden.size(0), "linear_cross_entropy: hidden ", hidden.sizes(), ", weight ", weight.sizes(),
                    " and targets ", targets.sizes(), " do not go together");
    TORCH_CHECK(targets.scalar_type() == at::kLong, "linear_cross_entropy: targets are int64, not ", targets.scalar_type());
    OptionalTensor b = present(bias);
    if (hidden.is_meta())
        return shaped({}, hidden.options(), hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat, {hidden, weight, b});
#ifdef TT_HAVE_DNNL
    if (products_serve(hidden, weight, type)) {
        Tensor wanted = targets.contiguous();
        const int64_t *t = wanted.data_ptr<int64_t>(), V = weight.size(0);
        for (int64_t i = 0; i < wanted.size(0); i++)
            TORCH_CHECK_INDEX(t[i] == o.ignore_index || (t[i] >= 0 && t[i] < V), "linear_cross_entropy: target ", t[i], " at ", i,
                              " is outside [0, ", V, ")");
        auto wants = [](const Tensor& x) { return at::GradMode::is_enabled() && x.requires_grad(); };
        return LossFunction::apply(hidden, as_read(weight), b, wanted, o, type, wants(hidden), wants(weight), b && wants(*b));
    }
#endif
    return composed(hidden, weight, b, targets, o, type);
}

}  // namespace tt
