// Heads (batch, time, heads, size) between the projection and attention: turned by their positions, taken apart, and their gradients put
// together, all where the projection has put them.
#include <torch/csrc/autograd/custom_function.h>

#include "operators.h"
#include "parallel.h"

namespace tt {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Whether nobody else can see what is written there.
bool is_ours_alone(const Tensor& x) {
    return x.use_count() == 1 && x.storage().use_count() == 1 && x.is_non_overlapping_and_dense() && x.stride(-1) == 1;
}

// The first `heads` turned, from x to y, which may be x.
void rotate(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved, bool inverse, int64_t heads, const Tensor& y) {
    int64_t T = x.size(1), D = x.size(3);
    RotaryView view{kernel_type(x), T, heads, D, 2 * cos.size(-1), x.stride(0), x.stride(1), x.stride(2), y.stride(0), y.stride(1),
                    y.stride(2), cos.dim() == 3 && cos.size(0) > 1 ? T * cos.size(-1) : 0, cos.size(-1), interleaved, inverse};
    const float *c = cos.data_ptr<float>(), *s = sin.data_ptr<float>();
    if (on_gpu(x)) {
        c10::DeviceGuard guard(x.device());
        return gpu()->rotary(view, x.data_ptr(), c, s, y.data_ptr(), x.size(0));
    }
    for_ranges(x.size(0) * T, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, heads * D)), [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last;) {   // a range may run over several sequences
            int64_t batch = i / T, end = std::min(last, (batch + 1) * T);
            kernels().rotary(view, x.data_ptr(), c, s, y.data_ptr(), batch, i - batch * T, end - batch * T);
            i = end;
        }
    });
}

// In x's own memory where it may be.
Tensor rotated(const Tensor& input, const Tensor& cos, const Tensor& sin, bool interleaved, bool inverse, int64_t heads, bool in_place) {
    if (in_place) {
        Tensor y = same_memory(input, input.sizes(), input.strides(), input.storage_offset());
        rotate(y, cos, sin, interleaved, inverse, heads, y);
        if (!input.is_inference()) input.unsafeGetTensorImpl()->bump_version();   // who has saved it is told
        return y;
    }
    Tensor x = input.stride(-1) == 1 ? input : input.contiguous();
    Tensor y = at::empty({x.size(0), x.size(1), x.size(2), x.size(3)}, x.options());
    rotate(x, cos, sin, interleaved, inverse, heads, y);
    int64_t others = x.size(2) - heads;
    if (others > 0) y.narrow(2, heads, others).copy_(x.narrow(2, heads, others));
    return y;
}

struct RotaryFunction : torch::autograd::Function<RotaryFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved, int64_t heads,
                          bool in_place) {
        Tensor c = as_float(cos), s = as_float(sin);
        context->save_for_backward({c, s});
        context->saved_data["interleaved"] = interleaved;
        context->saved_data["heads"] = heads;
        return rotated(x, c, s, interleaved, false, heads, in_place);
    }
    // A rotation's transpose is its inverse. By reference: a copy of the list would be a second owner.
    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        refuse_double_backward("rotary");
        auto saved = context->get_saved_variables();
        Tensor dx = rotated(gradients[0], saved[0], saved[1], context->saved_data["interleaved"].toBool(), true,
                            context->saved_data["heads"].toInt(), is_ours_alone(gradients[0]));
        return {dx, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

Tensor rotary_composed(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved, int64_t heads) {
    int64_t R = 2 * cos.size(-1), others = x.size(2) - heads;
    // (B, T, 1, R/2)
    auto over_heads = [&](const Tensor& a) { return (a.dim() == 3 ? a : a.unsqueeze(0)).unsqueeze(2).to(x.scalar_type()); };
    Tensor turns = x.narrow(2, 0, heads), c = over_heads(cos), s = over_heads(sin), part = turns.narrow(-1, 0, R);
    Tensor u = interleaved ? part.slice(-1, 0, R, 2) : part.narrow(-1, 0, R / 2);
    Tensor v = interleaved ? part.slice(-1, 1, R, 2) : part.narrow(-1, R / 2, R / 2);
    Tensor first = u * c - v * s, second = v * c + u * s;
    Tensor turned = interleaved ? at::stack({first, second}, -1).flatten(-2) : at::cat({first, second}, -1);
    if (R < x.size(-1)) turned = at::cat({turned, turns.narrow(-1, R, x.size(-1) - R)}, -1);
    return others == 0 ? turned : at::cat({turned, x.narrow(2, heads, others)}, 2);
}

// Gradients side by side in one memory, as attention leaves those of heads that came so, are the whole's already.
Tensor joined(const variable_list& parts) {
    const Tensor& first = parts[0];
    int64_t heads = 0;
    bool beside = first.stride(3) == 1 && first.stride(2) == first.size(3);
    for (const Tensor& part : parts) {
        beside = beside && part.storage().is_alias_of(first.storage()) && part.scalar_type() == first.scalar_type() &&
                 part.strides() == first.strides() && part.storage_offset() == first.storage_offset() + heads * first.size(3);
        heads += part.size(2);
    }
    if (!beside || first.stride(1) != heads * first.size(3) || first.stride(0) != first.size(1) * first.stride(1))
        return at::cat(at::TensorList(parts), 2);
    return same_memory(first, {first.size(0), first.size(1), heads, first.size(3)}, first.strides(), first.storage_offset());
}

variable_list parts_of_heads(const Tensor& x, int64_t first, int64_t second) {
    variable_list parts;
    int64_t next = 0;
    for (int64_t heads : {first, second, x.size(2) - first - second}) {
        parts.push_back(same_memory(x, {x.size(0), x.size(1), heads, x.size(3)}, x.strides(), x.storage_offset() + next * x.stride(2)));
        next += heads;
    }
    return parts;
}

struct SplitFunction : torch::autograd::Function<SplitFunction> {
    static variable_list forward(AutogradContext*, const Tensor& x, int64_t first, int64_t second) {
        return parts_of_heads(x, first, second);
    }
    static variable_list backward(AutogradContext*, const variable_list& gradients) {
        refuse_double_backward("split_heads");
        variable_list parts;
        for (const Tensor& gradient : gradients)
            if (gradient.size(2) > 0) parts.push_back(gradient);
        return {joined(parts), Tensor(), Tensor()};
    }
};

}  // namespace

Tensor rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved, int64_t heads, bool reuse) {
    TORCH_CHECK(x.dim() == 4, "rotary: x is (batch, time, heads, size), not ", x.sizes());
    bool fits = cos.sizes() == sin.sizes() && (cos.dim() == 2 || (cos.dim() == 3 && (cos.size(0) == x.size(0) || cos.size(0) == 1))) &&
                cos.size(-2) == x.size(1) && 2 * cos.size(-1) <= x.size(3);
    TORCH_CHECK(fits, "rotary: cos ", cos.sizes(), " and sin ", sin.sizes(), " do not go with x ", x.sizes());
    TORCH_CHECK(heads >= 0 && heads <= x.size(2), "rotary: ", heads, " heads of ", x.size(2));
    if (heads == 0) heads = x.size(2);
    if (!on_either(x) || x.device() != cos.device()) return rotary_composed(x, cos, sin, interleaved, heads);
    bool in_place = reuse && x.is_non_overlapping_and_dense() && x.stride(3) == 1 && !(x.requires_grad() && x.is_leaf());
    if (wants_gradient(x)) return RotaryFunction::apply(x, cos, sin, interleaved, heads, in_place);
    return rotated(x, as_float(cos), as_float(sin), interleaved, false, heads, in_place);
}

std::tuple<Tensor, Tensor, Tensor> split_heads(const Tensor& input, int64_t first, int64_t second, int64_t size) {
    const bool flat = size > 0 && input.dim() == 3;
    TORCH_CHECK(flat ? input.size(2) % size == 0 : input.dim() == 4 && (size <= 0 || input.size(3) == size),
                "split_heads: x is (batch, time, heads, size) or (batch, time, heads * size), not ", input.sizes(), ", of size ", size);
    Tensor x = flat ? input.view({input.size(0), input.size(1), input.size(2) / size, size}) : input;
    TORCH_CHECK(first > 0 && second >= 0 && first + second <= x.size(2), "split_heads: ", first, " and ", second, " of ", x.size(2),
                " heads");
    if (wants_gradient(x) && !on_either(x))
        return {x.narrow(2, 0, first), x.narrow(2, first, second), x.narrow(2, first + second, x.size(2) - first - second)};
    auto parts = wants_gradient(x) ? SplitFunction::apply(x, first, second) : parts_of_heads(x, first, second);
    return {parts[0], parts[1], parts[2]};
}

}  // namespace tt
