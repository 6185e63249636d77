#include <torch/csrc/autograd/custom_function.h>

#include "operators.h"
#include "parallel.h"
#ifdef TT_HAVE_DNNL
#include "onednn.h"
#endif

namespace tt {

using at::Tensor;

static Tensor linear_composed(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, at::ScalarType type) {
    return at::linear(x.to(type), weight.to(type), bias && bias->defined() ? OptionalTensor(bias->to(type)) : std::nullopt);
}

// Few rows, as in decoding: bound by reading the weight, which stays as it is.
static bool is_skinny(const Tensor& x, const Tensor& weight, at::ScalarType type) {
    return x.size(0) <= 16 && x.size(1) > 0 && weight.scalar_type() == type && weight.stride(1) == 1 && on_kernels(weight);
}
static void multiply_skinny(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
    Tensor b = bias.defined() && on_kernels(bias) ? bias.contiguous() : as_float(bias);
    SkinnyView view{kernel_type(x), kernel_type(y), x.size(0), x.size(1), x.data_ptr(), x.stride(0), weight.data_ptr(), weight.stride(0),
                    b.defined() ? b.data_ptr() : nullptr, b.defined() ? kernel_type(b) : Type::f32, y.data_ptr(), y.stride(0)};
    Tensor packed = fresh({kernels().skinny_size(view)}, at::kByte);
    kernels().pack_skinny(view, packed.data_ptr());
    view.packed = packed.data_ptr();
    constexpr int64_t Together = 12;   // a multiple of every outputs_at_once of skinny.inl
    const int64_t outputs = weight.size(0);
    for_pieces((outputs + Together - 1) / Together, Together * weight.size(1) * weight.element_size(), [&](int64_t first, int64_t last) {
        kernels().skinny(view, Together * first, std::min(Together * last, outputs));
    });
}

#ifdef TT_HAVE_DNNL
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Ending = std::optional<ActivationOptions>;

// x (rows, in) of the product's type; function: of the result, none that gates.
Tensor product(const Tensor& x, const Tensor& weight, const Tensor& bias, std::optional<Activation> function = std::nullopt) {
    Tensor y = fresh({x.size(0), weight.size(0)}, x.scalar_type());
    if (y.numel() == 0) return y;
    if (is_skinny(x, weight, x.scalar_type())) {
        multiply_skinny(x, weight, bias, y);
        if (function) activate(y, {*function, false}, y);
    } else {
        Tensor b = as_float(bias);
        multiply_weight(matrix(x), weight, Use::transposed, type_of(y), matrix(y), {floats(b), false, function});
    }
    return y;
}

// A linear layer, and where there is one the function that follows.
struct LinearFunction : torch::autograd::Function<LinearFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& weight, const OptionalTensor& bias,
                          at::ScalarType type, const Ending& function) {
        std::vector<int64_t> sizes = input.sizes().vec();
        Tensor x = in_type(input.reshape({-1, input.size(-1)}), type), y = product(x, weight, or_undefined(bias));
        context->saved_data["sizes"] = sizes;
        context->saved_data["type"] = (int64_t)input.scalar_type();
        if (bias) context->saved_data["bias_type"] = (int64_t)bias->scalar_type();
        variable_list saved{x, weight};
        if (function) {
            saved.push_back(y);
            context->saved_data["activation"] = (int64_t)function->kind;
            context->saved_data["gated"] = function->gated;
            y = activated(y, *function);
        }
        context->save_for_backward(saved);
        sizes.back() = y.size(1);
        return y.view(sizes);
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        refuse_double_backward("linear");
        auto saved = context->get_saved_variables();
        Tensor x = saved[0], weight = saved[1], dx, dweight, dbias;
        auto bias_type = context->saved_data.find("bias_type");
        bool wants_bias = bias_type != context->saved_data.end() && context->needs_input_grad(2);
        Tensor dy = in_type(gradients[0].reshape({-1, gradients[0].size(-1)}), x.scalar_type());
        if (saved.size() > 2) {
            ActivationOptions function{(Activation)context->saved_data["activation"].toInt(), context->saved_data["gated"].toBool()};
            dy = activation_gradient(saved[2], dy.contiguous(), function, wants_bias ? &dbias : nullptr);
        } else if (wants_bias) {
            dbias = sum_rows(dy);
        }
        bool empty = dy.numel() == 0;
        if (context->needs_input_grad(0)) {
            dx = at::empty({x.size(0), x.size(1)}, x.options().dtype((at::ScalarType)context->saved_data["type"].toInt()));
            if (!empty) multiply_weight(matrix(dy), weight, Use::as_is, type_of(x), matrix(dx));
            dx = dx.view(context->saved_data["sizes"].toIntVector());
        }
        if (context->needs_input_grad(1)) {
            dweight = empty ? at::zeros_like(weight) : at::empty(weight.sizes(), weight.options());
            if (!empty) multiply(matrix(dy).transposed(), matrix(x), matrix(dweight));
        }
        if (dbias.defined()) dbias = dbias.to((at::ScalarType)bias_type->second.toInt());
        return {dx, dweight, dbias, Tensor(), Tensor()};
    }
};

Tensor linear_served(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, at::ScalarType type, const Ending& function) {
    if (wants_gradient(x, weight, or_undefined(bias))) return LinearFunction::apply(x, weight, present(bias), type, function);
    bool gates = function && function->gated;
    Tensor y = product(in_type(x.reshape({-1, x.size(-1)}), type), weight, or_undefined(bias),
                       function && !gates ? std::optional<Activation>(function->kind) : std::nullopt);
    if (gates) y = activated(y, *function);
    std::vector<int64_t> sizes = x.sizes().vec();
    sizes.back() = y.size(1);
    return y.view(sizes);
}

}  // namespace
#endif

// Rows are contiguous and of the given type afterwards.
Tensor in_type(const Tensor& x, at::ScalarType type) {
    if (x.scalar_type() == type) return x.stride(1) == 1 && x.stride(0) >= x.size(1) ? x : x.contiguous();
    Tensor from = x.contiguous(), to = at::empty(x.sizes(), x.options().dtype(type));
    for_ranges(x.numel(), 65536, [&](int64_t first, int64_t last) {
        kernels().convert(kernel_type(from), (char*)from.data_ptr() + first * from.element_size(), kernel_type(to),
                          (char*)to.data_ptr() + first * to.element_size(), last - first);
    });
    return to;
}

// The sum over rows (N, C) -> (C), fp32.
Tensor sum_rows(const Tensor& x) {
    int64_t rows = x.size(0), width = x.size(1), parts = parts_of(rows, 64);
    Tensor sums = at::zeros({parts, width}, x.options().dtype(at::kFloat));
    for_parts(rows, parts, [&](int64_t first, int64_t last, int64_t part) {
        kernels().column_sums(kernel_type(x), (char*)x.data_ptr() + first * x.stride(0) * x.element_size(), last - first, width,
                              x.stride(0), sums.data_ptr<float>() + part * width);
    });
    return parts == 1 ? sums[0] : sums.sum(0);
}

bool products_serve(const Tensor& x, const Tensor& weight, at::ScalarType type) {
#ifdef TT_HAVE_DNNL
    return on_kernels(x) && on_kernels(weight) && weight.numel() > 0 && (type == at::kFloat || type == at::kBFloat16) &&
           (weight.stride(0) == 1 || weight.stride(1) == 1);
#else
    (void)x; (void)weight; (void)type;
    return false;
#endif
}

static void check_linear(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
    TORCH_CHECK(x.dim() >= 1 && weight.dim() == 2 && x.size(-1) == weight.size(1), "linear: x ", x.sizes(), " does not go with weight ",
                weight.sizes());
    TORCH_CHECK(!bias || !bias->defined() || (bias->dim() == 1 && bias->size(0) == weight.size(0)),
                "linear: bias does not go with weight ", weight.sizes());
}

Tensor linear(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, at::ScalarType type) {
    check_linear(x, weight, bias);
#ifdef TT_HAVE_DNNL
    if (products_serve(x, weight, type)) return linear_served(x, weight, bias, type, std::nullopt);
#endif
    return linear_composed(x, weight, bias, type);
}

Tensor linear_activation(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, const std::string& name, bool gated,
                         at::ScalarType type) {
    check_linear(x, weight, bias);
    ActivationOptions function = activation_named(name, gated, weight.size(0));
#ifdef TT_HAVE_DNNL
    if (products_serve(x, weight, type)) return linear_served(x, weight, bias, type, function);
#else
    (void)function;
#endif
    return activation(linear_composed(x, weight, bias, type), name, gated);
}

}  // namespace tt
