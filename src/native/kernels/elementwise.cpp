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

Activation activation_named(const std::string& name) {
    if (name == "gelu") return Activation::gelu;
    if (name == "gelu_tanh") return Activation::gelu_tanh;
    if (name == "silu") return Activation::silu;
    TORCH_CHECK(name == "relu", "activation: gelu, gelu_tanh, silu or relu, not ", name);
    return Activation::relu;
}

// f over pieces of x, or of each row's halves: (first element of x, of the second half or -1, of the result, count).
template <class F> void over_halves(const Tensor& x, bool gated, const F& f) {
    if (!gated) return for_ranges(x.numel(), Grain, [&](int64_t first, int64_t last) { f(first, -1, first, last - first); });
    int64_t width = x.size(-1) / 2, rows = width ? x.numel() / (2 * width) : 0;
    for_ranges(rows, std::max<int64_t>(1, Grain / std::max<int64_t>(1, width)), [&](int64_t first, int64_t last) {
        for (int64_t row = first; row < last; row++) f(2 * row * width, (2 * row + 1) * width, row * width, width);
    });
}
std::pair<int64_t, int64_t> rows_and_width(const Tensor& x, bool gated) {
    int64_t width = gated ? x.size(-1) / 2 : x.numel();
    return {gated ? (width ? x.numel() / (2 * width) : 0) : 1, width};
}
char* element(const Tensor& x, int64_t index) { return index < 0 ? nullptr : (char*)x.data_ptr() + index * x.element_size(); }

Tensor activate(const Tensor& x, Activation activation, bool gated) {
    std::vector<int64_t> sizes = x.sizes().vec();
    if (gated) sizes.back() /= 2;
    Tensor y = at::empty(sizes, x.options());
    if (on_gpu(x)) {
        c10::DeviceGuard guard(x.device());
        auto [rows, width] = rows_and_width(x, gated);
        gpu()->activation(kernel_type(x), activation, x.data_ptr(), y.data_ptr(), rows, width, gated);
        return y;
    }
    over_halves(x, gated, [&](int64_t from, int64_t up, int64_t to, int64_t n) {
        kernels().activation_forward(kernel_type(x), activation, element(x, from), element(x, up), element(y, to), n);
    });
    return y;
}

struct ActivationFunction : torch::autograd::Function<ActivationFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& input, Activation activation, bool gated) {
        Tensor x = input.contiguous();
        context->save_for_backward({x});
        context->saved_data["activation"] = (int64_t)activation;
        context->saved_data["gated"] = gated;
        return activate(x, activation, gated);
    }
    static variable_list backward(AutogradContext* context, variable_list gradients) {
        refuse_double_backward("activation");
        Tensor x = context->get_saved_variables()[0], dy = gradients[0].to(x.scalar_type()).contiguous(), dx = at::empty_like(x);
        auto activation = (Activation)context->saved_data["activation"].toInt();
        const bool gated = context->saved_data["gated"].toBool();
        if (on_gpu(x)) {
            c10::DeviceGuard guard(x.device());
            auto [rows, width] = rows_and_width(x, gated);
            gpu()->activation_backward(kernel_type(x), activation, x.data_ptr(), dy.data_ptr(), dx.data_ptr(), rows, width, gated);
        } else over_halves(x, gated, [&](int64_t from, int64_t up, int64_t to, int64_t n) {
            kernels().activation_backward(kernel_type(x), activation, element(x, from), element(x, up), element(dy, to), element(dx, from),
                                          element(dx, up), n);
        });
        return {dx, Tensor(), Tensor()};
    }
};

Tensor rotate(const Tensor& input, const Tensor& cos, const Tensor& sin, bool interleaved, bool inverse) {
    Tensor x = input.stride(-1) == 1 ? input : input.contiguous();
    Tensor y = at::empty({x.size(0), x.size(1), x.size(2), x.size(3)}, x.options());
    int64_t T = x.size(1);
    RotaryView view{kernel_type(x), T, x.size(2), x.size(3), 2 * cos.size(-1), x.stride(0), x.stride(1), x.stride(2),
                    cos.dim() == 3 && cos.size(0) > 1 ? T * cos.size(-1) : 0, cos.size(-1), interleaved, inverse};
    const float *c = cos.data_ptr<float>(), *s = sin.data_ptr<float>();
    if (on_gpu(x)) {
        c10::DeviceGuard guard(x.device());
        gpu()->rotary(view, x.data_ptr(), c, s, y.data_ptr(), x.size(0));
        return y;
    }
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
        Tensor c = as_float(cos), s = as_float(sin);
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

Tensor activation(const Tensor& x, const std::string& name, bool gated) {
    Activation kind = activation_named(name);
    TORCH_CHECK(!gated || (x.dim() > 0 && x.size(-1) % 2 == 0), "activation: ", x.sizes(), " has no two halves");
    if (on_either(x))
        return wants_gradient(x) ? ActivationFunction::apply(x, kind, gated) : activate(x.contiguous(), kind, gated);
    Tensor first = gated ? x.narrow(-1, 0, x.size(-1) / 2) : x;
    Tensor y = kind == Activation::silu ? at::silu(first) : kind == Activation::relu ? at::relu(first)
        : at::gelu(first, kind == Activation::gelu_tanh ? "tanh" : "none");
    return gated ? y * x.narrow(-1, x.size(-1) / 2, x.size(-1) / 2) : y;
}

Tensor rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved) {
    TORCH_CHECK(x.dim() == 4, "rotary: x is (batch, time, heads, size), not ", x.sizes());
    bool fits = cos.sizes() == sin.sizes() && (cos.dim() == 2 || (cos.dim() == 3 && (cos.size(0) == x.size(0) || cos.size(0) == 1))) &&
                cos.size(-2) == x.size(1) && 2 * cos.size(-1) <= x.size(3);
    TORCH_CHECK(fits, "rotary: cos ", cos.sizes(), " and sin ", sin.sizes(), " do not go with x ", x.sizes());
    const bool serve = on_either(x) && x.device() == cos.device();
    if (serve && !wants_gradient(x)) return rotate(x, as_float(cos), as_float(sin), interleaved, false);
    if (serve) return RotaryFunction::apply(x, cos, sin, interleaved);
    return rotary_composed(x, cos, sin, interleaved);
}

}  // namespace tt
