#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/grad_mode.h>

#include "operators.h"
#include "parallel.h"

namespace tt {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void refuse_double_backward(const char* name) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "transformertorch::", name,
                " has no second derivative; take the plain operators for create_graph");
}

namespace {

constexpr int64_t Grain = 16384;

struct GeluFunction : torch::autograd::Function<GeluFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& input, bool tanh) {
        Tensor x = input.contiguous(), y = at::empty_like(x);
        context->save_for_backward({x});
        context->saved_data["tanh"] = tanh;
        const char* from = (char*)x.data_ptr();
        char* to = (char*)y.data_ptr();
        int64_t size = x.element_size();
        for_ranges(x.numel(), Grain, [&](int64_t first, int64_t last) {
            kernels().gelu_forward(kernel_type(x), tanh, from + first * size, to + first * size, last - first);
        });
        return y;
    }
    static variable_list backward(AutogradContext* context, variable_list gradients) {
        refuse_double_backward("gelu");
        Tensor x = context->get_saved_variables()[0], dy = gradients[0].to(x.scalar_type()).contiguous(), dx = at::empty_like(x);
        bool tanh = context->saved_data["tanh"].toBool();
        const char *from = (char*)x.data_ptr(), *out = (char*)dy.data_ptr();
        char* to = (char*)dx.data_ptr();
        int64_t size = x.element_size();
        for_ranges(x.numel(), Grain, [&](int64_t first, int64_t last) {
            kernels().gelu_backward(kernel_type(x), tanh, from + first * size, out + first * size, to + first * size, last - first);
        });
        return {dx, Tensor()};
    }
};

Tensor rotate(const Tensor& input, const Tensor& cos, const Tensor& sin, bool interleaved, bool inverse) {
    Tensor x = input.stride(-1) == 1 ? input : input.contiguous();
    Tensor y = at::empty({x.size(0), x.size(1), x.size(2), x.size(3)}, x.options());
    int64_t T = x.size(1);
    RotaryView view{kernel_type(x), T, x.size(2), x.size(3), 2 * cos.size(-1), x.stride(0), x.stride(1), x.stride(2),
                    cos.dim() == 3 && cos.size(0) > 1 ? T * cos.size(-1) : 0, cos.size(-1), interleaved, inverse};
    const float *c = cos.data_ptr<float>(), *s = sin.data_ptr<float>();
    int64_t positions = x.size(0) * T;
    for_ranges(positions, std::max<int64_t>(1, Grain / std::max<int64_t>(1, x.size(2) * x.size(3))), [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last;) {   // a range may run over several sequences
            int64_t batch = i / T, end = std::min(last, (batch + 1) * T);
            kernels().rotary(view, x.data_ptr(), c, s, y.data_ptr(), batch, i - batch * T, end - batch * T);
            i = end;
        }
    });
    return y;
}

struct RotaryFunction : torch::autograd::Function<RotaryFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved) {
        Tensor c = cos.to(at::kFloat).contiguous(), s = sin.to(at::kFloat).contiguous();
        context->save_for_backward({c, s});
        context->saved_data["interleaved"] = interleaved;
        return rotate(x, c, s, interleaved, false);
    }
    static variable_list backward(AutogradContext* context, variable_list gradients) {   // a rotation's transpose is its inverse
        refuse_double_backward("rotary");
        auto saved = context->get_saved_variables();
        return {rotate(gradients[0], saved[0], saved[1], context->saved_data["interleaved"].toBool(), true), Tensor(), Tensor(), Tensor()};
    }
};

Tensor rotary_composed(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved) {
    int64_t R = 2 * cos.size(-1);
    // (B, T, 1, R/2)
    auto over_heads = [&](const Tensor& a) { return (a.dim() == 3 ? a : a.unsqueeze(0)).unsqueeze(2).to(x.scalar_type()); };
    Tensor c = over_heads(cos), s = over_heads(sin), part = x.narrow(-1, 0, R);
    Tensor u = interleaved ? part.slice(-1, 0, R, 2) : part.narrow(-1, 0, R / 2);
    Tensor v = interleaved ? part.slice(-1, 1, R, 2) : part.narrow(-1, R / 2, R / 2);
    Tensor first = u * c - v * s, second = v * c + u * s;
    Tensor turned = interleaved ? at::stack({first, second}, -1).flatten(-2) : at::cat({first, second}, -1);
    return R == x.size(-1) ? turned : at::cat({turned, x.narrow(-1, R, x.size(-1) - R)}, -1);
}

}  // namespace

Tensor gelu(const Tensor& x, const std::string& approximate) {
    TORCH_CHECK(approximate == "none" || approximate == "tanh", "gelu: approximate is none or tanh, not ", approximate);
    if (on_kernels(x)) return GeluFunction::apply(x, approximate == "tanh");
    return at::gelu(x, approximate);
}

Tensor rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved) {
    TORCH_CHECK(x.dim() == 4, "rotary: x is (batch, time, heads, size), not ", x.sizes());
    bool fits = cos.sizes() == sin.sizes() && (cos.dim() == 2 || (cos.dim() == 3 && (cos.size(0) == x.size(0) || cos.size(0) == 1))) &&
                cos.size(-2) == x.size(1) && 2 * cos.size(-1) <= x.size(3);
    TORCH_CHECK(fits, "rotary: cos ", cos.sizes(), " and sin ", sin.sizes(), " do not go with x ", x.sizes());
    if (on_kernels(x)) return RotaryFunction::apply(x, cos, sin, interleaved);
    return rotary_composed(x, cos, sin, interleaved);
}

}  // namespace tt
