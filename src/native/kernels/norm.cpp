#include <torch/csrc/autograd/custom_function.h>

#include "operators.h"
#include "parallel.h"

namespace tt {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What a norm is given, in the types in which the kernels take it.
struct NormInputs {
    Tensor x, added, weight, bias;
    double eps;
    bool centred;
    NormInputs(const Tensor& x, const Tensor& added, const OptionalTensor& weight, const OptionalTensor& bias, double eps, bool centred)
        : x(x.contiguous()), added(added.defined() ? added.contiguous() : added), weight(as_float(or_undefined(weight))),
          bias(as_float(or_undefined(bias))), eps(eps), centred(centred) {}
    int64_t width() const { return x.size(-1); }
    int64_t rows() const { return width() ? x.numel() / width() : 0; }
    int64_t grain() const { return std::max<int64_t>(1, 8192 / std::max<int64_t>(1, width())); }
    NormView view() const {
        return {kernel_type(x), width(), (float)eps, floats(weight), floats(bias), centred,
                added.defined() ? kernel_type(added) : Type::f32};
    }
};
struct NormOutputs {
    Tensor total, y, mean, rstd;   // the last two are for gradients
    explicit NormOutputs(const NormInputs& in) {
        auto like = [&](at::IntArrayRef sizes, at::ScalarType type) {
            return in.x.is_cpu() ? fresh(sizes, type) : at::empty(sizes, in.x.options().dtype(type));
        };
        total = in.added.defined() ? like(in.x.sizes(), in.x.scalar_type()) : in.x;
        y = like(in.x.sizes(), in.x.scalar_type());
        rstd = like({in.rows()}, at::kFloat);
        if (in.centred) mean = like({in.rows()}, at::kFloat);
        NormView view = in.view();
        bool adds = in.added.defined();
        int64_t width = in.width();
        float *means = in.centred ? mean.data_ptr<float>() : nullptr, *rstds = rstd.data_ptr<float>();
        auto row = [width](const Tensor& t, int64_t r) { return (char*)t.data_ptr() + r * width * t.element_size(); };
        if (on_gpu(in.x)) {
            c10::DeviceGuard guard(in.x.device());
            gpu()->norm_forward(view, in.x.data_ptr(), adds ? in.added.data_ptr() : nullptr, adds ? total.data_ptr() : nullptr,
                                y.data_ptr(), means, rstds, in.rows());
            return;
        }
        for_ranges(in.rows(), in.grain(), [&](int64_t first, int64_t last) {
            kernels().norm_forward(view, row(in.x, first), adds ? row(in.added, first) : nullptr, adds ? row(total, first) : nullptr,
                                   row(y, first), means ? means + first : nullptr, rstds + first, last - first);
        });
    }
};

struct NormFunction : torch::autograd::Function<NormFunction> {
    // The norm, and where something is added the sum before it.
    static variable_list forward(AutogradContext* context, const Tensor& input, const OptionalTensor& added, const OptionalTensor& weight,
                                 const OptionalTensor& bias, double eps, bool centred) {
        NormInputs in(input, or_undefined(added), weight, bias, eps, centred);
        NormOutputs out(in);
        context->save_for_backward({out.total, in.weight, out.mean, out.rstd});
        context->saved_data["eps"] = eps;
        auto note = [&](const char* name, const OptionalTensor& x) { if (x) context->saved_data[name] = (int64_t)x->scalar_type(); };
        note("added", added);
        note("weight", weight);
        note("bias", bias);
        return added ? variable_list{out.y, out.total} : variable_list{out.y};
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        refuse_double_backward("layer_norm");
        auto saved = context->get_saved_variables();
        Tensor x = saved[0], weight = saved[1], mean = saved[2], rstd = saved[3];
        auto given = [&](const char* name) { return context->saved_data.count(name) > 0; };
        auto type = [&](const char* name) { return (at::ScalarType)context->saved_data[name].toInt(); };
        Tensor dy = gradients[0].to(x.scalar_type()).contiguous(), dx = at::empty_like(x), passed;
        if (given("added")) passed = gradients[1].to(x.scalar_type()).contiguous();
        NormInputs in(x, Tensor(), weight.defined() ? OptionalTensor(weight) : std::nullopt, std::nullopt,
                      context->saved_data["eps"].toDouble(), mean.defined());
        // Absent tensors have no number.
        size_t next = given("added") ? 2 : 1;
        bool wants_weight = given("weight") && context->needs_input_grad(next++);
        bool wants_bias = given("bias") && context->needs_input_grad(next);
        const bool device = on_gpu(x);
        int64_t width = in.width(), parts = device ? gpu()->norm_parts(width, in.rows()) : parts_of(in.rows(), in.grain());
        Tensor sums = device ? at::empty({2, parts, width}, rstd.options()) : at::zeros({2, parts, width}, rstd.options());
        float *all = sums.data_ptr<float>(), *means = in.centred ? mean.data_ptr<float>() : nullptr, *rstds = rstd.data_ptr<float>();
        auto row = [width](const Tensor& t, int64_t r) { return (char*)t.data_ptr() + r * width * t.element_size(); };
        NormView view = in.view();
        if (device) {
            c10::DeviceGuard guard(x.device());
            gpu()->norm_backward(view, x.data_ptr(), dy.data_ptr(), passed.defined() ? passed.data_ptr() : nullptr, means, rstds,
                                 dx.data_ptr(), wants_weight ? all : nullptr, wants_bias ? all + parts * width : nullptr, in.rows(), parts);
        } else for_parts(in.rows(), parts, [&](int64_t first, int64_t last, int64_t part) {
            kernels().norm_backward(view, row(x, first), row(dy, first), passed.defined() ? row(passed, first) : nullptr,
                                    means ? means + first : nullptr, rstds + first, row(dx, first),
                                    wants_weight ? all + part * width : nullptr, wants_bias ? all + (parts + part) * width : nullptr,
                                    last - first);
        });
        return {dx, given("added") ? dx.to(type("added")) : Tensor(), wants_weight ? sums[0].sum(0).to(type("weight")) : Tensor(),
                wants_bias ? sums[1].sum(0).to(type("bias")) : Tensor(), Tensor(), Tensor()};
    }
};

bool serve(const Tensor& x) { return on_kernels(x) || (on_gpu(x) && x.size(-1) <= gpu()->widest_norm); }

Tensor normed(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias, double eps, bool centred) {
    if (wants_gradient(x, or_undefined(weight), or_undefined(bias)))
        return NormFunction::apply(x, OptionalTensor(), weight, bias, eps, centred)[0];
    return NormOutputs(NormInputs(x, Tensor(), weight, bias, eps, centred)).y;
}

void check_width(const char* name, const Tensor& x, const OptionalTensor& weight) {
    TORCH_CHECK(x.dim() >= 1, name, ": x has no dimension to normalise");
    TORCH_CHECK(!weight || !weight->defined() || (weight->dim() == 1 && weight->size(0) == x.size(-1)), name, ": a weight of ",
                weight->sizes(), " does not go with x ", x.sizes());
    TORCH_CHECK(!weight || !weight->defined() || weight->device() == x.device(), name, ": x is on ", x.device(), ", a weight on ",
                weight->device());
}

}  // namespace

Tensor layer_norm(const Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias, double eps) {
    check_width("layer_norm", x, weight);
    check_width("layer_norm", x, bias);
    if (serve(x)) return normed(x, present(weight), present(bias), eps, true);
    if (x.is_meta()) return shaped(x.sizes(), x.options(), x.scalar_type(), {x, weight, bias});
    return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
}

Tensor rms_norm(const Tensor& x, const OptionalTensor& weight, double eps) {
    check_width("rms_norm", x, weight);
    if (serve(x)) return normed(x, present(weight), OptionalTensor(), eps, false);
    Tensor wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
    Tensor y = (wide * at::rsqrt(wide.square().mean(-1, true) + eps)).to(x.scalar_type());
    return weight && weight->defined() ? y * *weight : y;
}

std::tuple<Tensor, Tensor> add_norm(const Tensor& x, const Tensor& added, const OptionalTensor& weight, const OptionalTensor& bias,
                                    double eps, bool centred) {
    check_width("add_norm", x, weight);
    check_width("add_norm", x, bias);
    if (!serve(x) || !serve(added) || x.device() != added.device() ||
        x.sizes() != added.sizes() || x.scalar_type() != at::result_type(x, added)) {
        Tensor total = x + added;
        return {total, centred ? layer_norm(total, weight, bias, eps) : rms_norm(total, weight, eps)};
    }
    if (wants_gradient(x, added, or_undefined(weight), or_undefined(bias))) {
        auto both = NormFunction::apply(x, OptionalTensor(added), present(weight), present(bias), eps, centred);
        return {both[1], both[0]};
    }
    NormOutputs out(NormInputs(x, added, present(weight), present(bias), eps, centred));
    return {out.total, out.y};
}

}  // namespace tt
