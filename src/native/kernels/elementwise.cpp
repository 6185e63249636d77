#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/grad_mode.h>

#include "operators.h"
#include "parallel.h"

namespace tt {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

constexpr int64_t Grain = 16384;

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

struct ActivationFunction : torch::autograd::Function<ActivationFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& input, ActivationOptions function) {
        Tensor x = input.contiguous();
        context->save_for_backward({x});
        context->saved_data["activation"] = (int64_t)function.kind;
        context->saved_data["gated"] = function.gated;
        return activated(x, function);
    }
    static variable_list backward(AutogradContext* context, variable_list gradients) {
        refuse_double_backward("activation");
        Tensor x = context->get_saved_variables()[0], dy = gradients[0].to(x.scalar_type()).contiguous();
        ActivationOptions function{(Activation)context->saved_data["activation"].toInt(), context->saved_data["gated"].toBool()};
        return {activation_gradient(x, dy, function, nullptr), Tensor()};
    }
};

}  // namespace

ActivationOptions activation_named(const std::string& name, bool gated, int64_t width) {
    TORCH_CHECK(!gated || width % 2 == 0, "activation: a width of ", width, " has no two halves");
    if (name == "gelu") return {Activation::gelu, gated};
    if (name == "gelu_tanh") return {Activation::gelu_tanh, gated};
    if (name == "silu") return {Activation::silu, gated};
    TORCH_CHECK(name == "relu", "activation: gelu, gelu_tanh, silu or relu, not ", name);
    return {Activation::relu, gated};
}

void activate(const Tensor& x, ActivationOptions function, const Tensor& y) {
    over_halves(x, function.gated, [&](int64_t from, int64_t up, int64_t to, int64_t n) {
        kernels().activation_forward(kernel_type(x), function.kind, element(x, from), element(x, up), element(y, to), n);
    });
}

Tensor activated(const Tensor& x, ActivationOptions function) {
    std::vector<int64_t> sizes = x.sizes().vec();
    if (function.gated) sizes.back() /= 2;
    Tensor y = at::empty(sizes, x.options());
    if (on_gpu(x)) {
        c10::DeviceGuard guard(x.device());
        auto [rows, width] = rows_and_width(x, function.gated);
        gpu()->activation(kernel_type(x), function.kind, x.data_ptr(), y.data_ptr(), rows, width, function.gated);
    } else activate(x, function, y);
    return y;
}

// The sum takes a few rows at a time, while they are near.
Tensor activation_gradient(const Tensor& x, const Tensor& dy, ActivationOptions function, Tensor* sum) {
    Tensor dx = at::empty_like(x);
    if (on_gpu(x)) {   // by itself: products of a GPU take no part of it
        TORCH_CHECK(!sum, "activation: sums of rows are of the CPU");
        c10::DeviceGuard guard(x.device());
        auto [rows, width] = rows_and_width(x, function.gated);
        gpu()->activation_backward(kernel_type(x), function.kind, x.data_ptr(), dy.data_ptr(), dx.data_ptr(), rows, width, function.gated);
        return dx;
    }
    auto piece = [&](int64_t from, int64_t up, int64_t to, int64_t n) {
        kernels().activation_backward(kernel_type(x), function.kind, element(x, from), element(x, up), element(dy, to), element(dx, from),
                                      element(dx, up), n);
    };
    if (!sum) {
        over_halves(x, function.gated, piece);
        return dx;
    }
    const int64_t rows = x.size(0), width = x.size(1), half = width / 2, parts = parts_of(rows, 64);
    const int64_t few = std::max<int64_t>(1, Grain / std::max<int64_t>(1, width));
    Tensor sums = at::zeros({parts, width}, x.options().dtype(at::kFloat));
    for_parts(rows, parts, [&](int64_t first, int64_t last, int64_t part) {
        for (int64_t row = first; row < last; row += few) {
            int64_t end = std::min(last, row + few);
            if (!function.gated) piece(row * width, -1, row * width, (end - row) * width);
            else for (int64_t i = row; i < end; i++) piece(2 * i * half, (2 * i + 1) * half, i * half, half);
            kernels().column_sums(kernel_type(dx), element(dx, row * width), end - row, width, width,
                                  sums.data_ptr<float>() + part * width);
        }
    });
    *sum = parts == 1 ? sums[0] : sums.sum(0);
    return dx;
}

Tensor activation(const Tensor& x, const std::string& name, bool gated) {
    TORCH_CHECK(!gated || x.dim() > 0, "activation: a number has no two halves");
    ActivationOptions function = activation_named(name, gated, gated ? x.size(-1) : 0);
    if (on_either(x))
        return wants_gradient(x) ? ActivationFunction::apply(x, function) : activated(x.contiguous(), function);
    Tensor first = gated ? x.narrow(-1, 0, x.size(-1) / 2) : x;
    if (x.is_meta()) return shaped(first.sizes(), x.options(), x.scalar_type(), {x});
    Tensor y = function.kind == Activation::silu ? at::silu(first) : function.kind == Activation::relu ? at::relu(first)
        : at::gelu(first, function.kind == Activation::gelu_tanh ? "tanh" : "none");
    return gated ? y * x.narrow(-1, x.size(-1) / 2, x.size(-1) / 2) : y;
}

}  // namespace tt
