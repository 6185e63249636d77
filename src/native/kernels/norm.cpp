#include <torch/csrc/autograd/custom_function.h>

#include "operators.h"
#include "parallel.h"

namespace tt {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct NormFunction : torch::autograd::Function<NormFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& input, const OptionalTensor& weight, const OptionalTensor& bias,
                          double eps, bool centred) {
        Tensor x = input.contiguous(), y = at::empty_like(x);
        int64_t width = x.size(-1), rows = width ? x.numel() / width : 0;
        Tensor w = as_float(or_undefined(weight)), b = as_float(or_undefined(bias));
        Tensor rstd = at::empty({rows}, x.options().dtype(at::kFloat)), mean = centred ? at::empty_like(rstd) : Tensor();
        NormView view{kernel_type(x), width, (float)eps, floats(w), floats(b), centred};
        float *means = centred ? mean.data_ptr<float>() : nullptr, *rstds = rstd.data_ptr<float>();
        char *from = (char*)x.data_ptr(), *to = (char*)y.data_ptr();
        int64_t row = width * x.element_size();
        for_ranges(rows, std::max<int64_t>(1, 8192 / std::max<int64_t>(1, width)), [&](int64_t first, int64_t last) {
            kernels().norm_forward(view, from + first * row, to + first * row, means ? means + first : nullptr, rstds + first,
                                   last - first);
        });
        context->save_for_backward({x, w, mean, rstd});
        context->saved_data["eps"] = eps;
        context->saved_data["has_bias"] = b.defined();
        context->saved_data["weight_type"] = (int64_t)type_or_float(or_undefined(weight));
        context->saved_data["bias_type"] = (int64_t)type_or_float(or_undefined(bias));
        return y;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        refuse_double_backward("layer_norm");
        auto saved = context->get_saved_variables();
        Tensor x = saved[0], weight = saved[1], mean = saved[2], rstd = saved[3];
        Tensor dy = gradients[0].to(x.scalar_type()).contiguous(), dx = at::empty_like(x);
        int64_t width = x.size(-1), rows = width ? x.numel() / width : 0;
        bool centred = mean.defined(), has_weight = weight.defined();
        bool wants_weight = has_weight && context->needs_input_grad(1);
        bool wants_bias = context->saved_data["has_bias"].toBool() && context->needs_input_grad(has_weight ? 2 : 1);
        NormView view{kernel_type(x), width, (float)context->saved_data["eps"].toDouble(), floats(weight), nullptr, centred};
        int64_t parts = parts_of(rows, std::max<int64_t>(1, 8192 / std::max<int64_t>(1, width))), row = width * x.element_size();
        Tensor sums = at::zeros({2, parts, width}, rstd.options());
        float *all = sums.data_ptr<float>(), *means = centred ? mean.data_ptr<float>() : nullptr, *rstds = rstd.data_ptr<float>();
        const char *from = (char*)x.data_ptr(), *out = (char*)dy.data_ptr();
        char* to = (char*)dx.data_ptr();
        for_parts(rows, parts, [&](int64_t first, int64_t last, int64_t part) {
            kernels().norm_backward(view, from + first * row, out + first * row, means ? means + first : nullptr, rstds + first,
                                    to + first * row, wants_weight ? all + part * width : nullptr,
                                        wants_bias ? all + (parts + part) * width : nullptr, last - first);
        });
        auto type = [&](const char* name) { return (at::ScalarType)context->saved_data[name].toInt(); };
        return {dx, wants_weight ? sums[0].sum(0).to(type("weight_type")) : Tensor(),
            wants_bias ? sums[1].sum(0).to(type("bias_type")) : Tensor(),
                Tensor(), Tensor()};
    }
};

void check_width(const char* name, const Tensor& x, const OptionalTensor& weight) {
    TORCH_CHECK(x.dim() >= 1, name, ": x has no dimension to normalise");
    TORCH_CHECK(!weight || !weight->defined() || (weight->dim() == 1 && weight->size(0) == x.size(-1)), name, ": a weight of ",
                weight->sizes(), " does not go with x ", x.sizes());
}

}  // namespace

Tensor layer_norm(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias, double eps) {
    check_width("layer_norm", x, weight);
    check_width("layer_norm", x, bias);
    if (on_kernels(x)) return NormFunction::apply(x, present(weight), present(bias), eps, true);
    return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
}

Tensor rms_norm(const Tensor& x, const OptionalTensor& weight, double eps) {
    check_width("rms_norm", x, weight);
    if (on_kernels(x)) return NormFunction::apply(x, present(weight), OptionalTensor(), eps, false);
    Tensor wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
    Tensor y = (wide * at::rsqrt(wide.square().mean(-1, true) + eps)).to(x.scalar_type());
    return weight && weight->defined() ? y * *weight : y;
}

}  // namespace tt
