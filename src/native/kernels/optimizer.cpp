#include <c10/core/GradMode.h>

#include "operators.h"
#include "parallel.h"

namespace tt {

using at::Tensor;
using at::TensorList;

namespace {

constexpr int64_t Piece = 1 << 16;   // elements of a task

// The pieces of all the tensors, numbered through.
struct Pieces {
    std::vector<int64_t> ends;
    explicit Pieces(TensorList tensors) {
        int64_t total = 0;
        for (const Tensor& x : tensors) ends.push_back(total += (x.numel() + Piece - 1) / Piece);
    }
    int64_t count() const { return ends.empty() ? 0 : ends.back(); }
    // f(tensor, first element, elements)
    template <class F> void at(int64_t piece, TensorList tensors, const F& f) const {
        size_t i = std::upper_bound(ends.begin(), ends.end(), piece) - ends.begin();
        int64_t first = (piece - (i ? ends[i - 1] : 0)) * Piece;
        f(i, first, std::min(Piece, tensors[i].numel() - first));
    }
};

bool dense(const Tensor& x) { return x.is_contiguous(); }

}  // namespace

void adamw_(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq, const OptionalTensor& grad_scale, double lr,
            double beta1, double beta2, double eps, double weight_decay, int64_t step) {
    c10::AutoGradMode no_grad(false);
    TORCH_CHECK(params.size() == grads.size() && params.size() == exp_avg.size() && params.size() == exp_avg_sq.size(), "adamw_: ",
                params.size(), " parameters, ", grads.size(), " gradients, ", exp_avg.size(), " and ", exp_avg_sq.size(), " moments");
    TORCH_CHECK(step >= 1, "adamw_: step counts from 1, not ", step);
    if (params.empty()) return;
    for (size_t i = 0; i < params.size(); i++)
        TORCH_CHECK(params[i].sizes() == grads[i].sizes() && params[i].sizes() == exp_avg[i].sizes()
                    && params[i].sizes() == exp_avg_sq[i].sizes(), "adamw_: parameter ", i, " ", params[i].sizes(), " has a gradient ",
                        grads[i].sizes(), " and moments ", exp_avg[i].sizes(), ", ",
                    exp_avg_sq[i].sizes());
    if (params[0].is_cuda()) {
        std::vector<Tensor> steps(params.size(), at::full({}, (double)step, params[0].options().dtype(at::kFloat)));
        // it divides by its scale
        OptionalTensor inverse = grad_scale ? OptionalTensor(grad_scale->to(at::kFloat).reciprocal()) : std::nullopt;
        at::_fused_adamw_(params, grads, exp_avg, exp_avg_sq, {}, steps, lr, beta1, beta2, weight_decay, eps, false, false, inverse);
        return;
    }
    std::vector<Tensor> gradients;
    for (size_t i = 0; i < params.size(); i++) {
        TORCH_CHECK(on_kernels(params[i]) && on_kernels(grads[i]) && exp_avg[i].scalar_type() == at::kFloat
                    && exp_avg_sq[i].scalar_type() == at::kFloat, "adamw_: parameter ", i, " is fp32 or bf16 with fp32 moments");
        TORCH_CHECK(dense(params[i]) && dense(exp_avg[i]) && dense(exp_avg_sq[i]), "adamw_: parameter ", i,
                    " or its moments are not contiguous");
        gradients.push_back(grads[i].contiguous());
    }
    float scale = grad_scale ? grad_scale->item<float>() : 1;
    AdamwOptions options(lr, beta1, beta2, eps, weight_decay, step);
    Pieces pieces(params);
    for_each_task(pieces.count(), [&](int64_t piece, int64_t) {
        pieces.at(piece, params, [&](size_t i, int64_t first, int64_t n) {
            kernels().adamw(options, kernel_type(params[i]), kernel_type(gradients[i]),
                            (char*)params[i].data_ptr() + first * params[i].element_size(),
                                (char*)gradients[i].data_ptr() + first * gradients[i].element_size(), exp_avg[i].data_ptr<float>() + first,
                            exp_avg_sq[i].data_ptr<float>() + first, scale, n);
        });
    });
    for (TensorList list : {params, exp_avg, exp_avg_sq})
        for (const Tensor& x : list)
            if (!x.is_inference()) x.unsafeGetTensorImpl()->bump_version();
}

// Partial sums by pieces of fixed size, joined in their order: the same on any number of threads.
Tensor grad_norm(TensorList grads) {
    c10::AutoGradMode no_grad(false);
    TORCH_CHECK(!grads.empty(), "grad_norm: no gradients");
    bool ours = true;
    for (const Tensor& x : grads) ours = ours && on_kernels(x);
    if (!ours) {
        std::vector<Tensor> norms;
        for (const Tensor& x : at::_foreach_norm(grads, 2, at::kFloat)) norms.push_back(x.to(grads[0].device()));
        return at::linalg_vector_norm(at::stack(norms), 2);
    }
    std::vector<Tensor> gradients;
    for (const Tensor& x : grads) gradients.push_back(x.contiguous());
    Pieces pieces(gradients);
    std::vector<double> sums(pieces.count());
    for_each_task(pieces.count(), [&](int64_t piece, int64_t) {
        pieces.at(piece, gradients, [&](size_t i, int64_t first, int64_t n) {
            const Tensor& x = gradients[i];
            sums[piece] = kernels().sum_squares(kernel_type(x), (char*)x.data_ptr() + first * x.element_size(), n);
        });
    });
    double total = 0;
    for (double s : sums) total += s;
    return at::scalar_tensor(std::sqrt(total), grads[0].options().dtype(at::kFloat));
}

}  // namespace tt
