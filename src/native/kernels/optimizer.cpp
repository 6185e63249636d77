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

// What an operator updates: lists of one length and order; halves and moments may be empty.
struct Update {
    const char* name;
    TensorList params, grads, halves;
    std::vector<TensorList> moments;
    OptionalTensor grad_scale;

    void check() const {
        TORCH_CHECK(params.size() == grads.size() && (halves.empty() || halves.size() == params.size()), name, ": ", params.size(),
                    " parameters, ", grads.size(), " gradients, ", halves.size(), " lower halves");
        for (TensorList list : moments) TORCH_CHECK(list.size() == params.size(), name, ": ", params.size(), " parameters, ", list.size(),
                                                    " moments");
        for (size_t i = 0; i < params.size(); i++) {
            bool alike = params[i].sizes() == grads[i].sizes() && (halves.empty() || params[i].sizes() == halves[i].sizes());
            for (TensorList list : moments) alike = alike && params[i].sizes() == list[i].sizes();
            TORCH_CHECK(alike, name, ": parameter ", i, " ", params[i].sizes(), " has a gradient ", grads[i].sizes(),
                        " and moments or halves, which are not all of its shape");
        }
    }
    void check_for_kernels() const {
        for (size_t i = 0; i < params.size(); i++) {
            bool fits = on_either(params[i]) && on_either(grads[i]) && params[i].is_contiguous();
            for (TensorList list : moments) fits = fits && list[i].scalar_type() == at::kFloat && list[i].is_contiguous();
            if (!halves.empty())
                fits = fits && params[i].scalar_type() == at::kBFloat16 && halves[i].scalar_type() == at::kShort
                       && halves[i].is_contiguous();
            fits = fits && params[i].device() == params[0].device() && grads[i].device() == params[0].device();
            for (TensorList list : moments) fits = fits && list[i].device() == params[0].device();
            TORCH_CHECK(fits, name, ": parameter ", i, " is contiguous fp32 or bf16 (bf16 with lower halves) with contiguous fp32 moments");
        }
    }
    // kernel(view) for the pieces of all parameters, on all threads; on a GPU all of them with their scale, which stays there.
    template <class F, class G> void run(const F& kernel, const G& on_device) const {
        if (on_meta()) return;
        check_for_kernels();
        std::vector<Tensor> gradients;
        for (const Tensor& g : grads) gradients.push_back(g.contiguous());
        if (on_cuda()) {
            c10::DeviceGuard guard(params[0].device());
            Tensor factor = grad_scale ? grad_scale->to(params[0].device(), at::kFloat) : Tensor();
            std::vector<UpdateView> views;
            for (size_t i = 0; i < params.size(); i++) {
                auto moment = [&](size_t k) { return moments.size() > k ? moments[k][i].data_ptr<float>() : nullptr; };
                views.push_back({kernel_type(params[i]), kernel_type(gradients[i]), params[i].data_ptr(),
                                 halves.empty() ? nullptr : halves[i].data_ptr<int16_t>(), gradients[i].data_ptr(), 1, moment(0),
                                 moment(1), params[i].numel()});
            }
            on_device(views.data(), (int64_t)views.size(), floats(factor));
            return changed();
        }
        float scale = grad_scale ? grad_scale->item<float>() : 1;
        Pieces pieces(params);
        for_each_task(pieces.count(), [&](int64_t piece, int64_t) {
            pieces.at(piece, params, [&](size_t i, int64_t first, int64_t n) {
                auto moment = [&](size_t k) { return moments.size() > k ? moments[k][i].data_ptr<float>() + first : nullptr; };
                kernel(UpdateView{kernel_type(params[i]), kernel_type(gradients[i]),
                                  (char*)params[i].data_ptr() + first * params[i].element_size(),
                                  halves.empty() ? nullptr : halves[i].data_ptr<int16_t>() + first,
                                  (char*)gradients[i].data_ptr() + first * gradients[i].element_size(), scale, moment(0), moment(1), n});
            });
        });
        changed();
    }
    void changed() const {
        changed(params);
        changed(halves);
        for (TensorList list : moments) changed(list);
    }
    static void changed(TensorList list) {
        for (const Tensor& x : list)
            if (!x.is_inference()) x.unsafeGetTensorImpl()->bump_version();
    }
    bool on_meta() const { return !params.empty() && params[0].is_meta(); }   // shapes alone, which are checked
    bool on_cuda() const { return !params.empty() && params[0].is_cuda(); }
};

}  // namespace

void adamw_(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq, TensorList halves,
            const OptionalTensor& grad_scale, double lr, double beta1, double beta2, double eps, double weight_decay, int64_t step) {
    c10::AutoGradMode no_grad(false);
    Update update{"adamw_", params, grads, halves, {exp_avg, exp_avg_sq}, grad_scale};
    update.check();
    TORCH_CHECK(step >= 1, "adamw_: step counts from 1, not ", step);
    AdamwOptions options(lr, beta1, beta2, eps, weight_decay, step);
    update.run([&](const UpdateView& view) { kernels().adamw(options, view); },
               [&](auto... views) { gpu()->adamw(options, views...); });
}

void lion_(TensorList params, TensorList grads, TensorList exp_avg, TensorList halves, const OptionalTensor& grad_scale, double lr,
           double beta1, double beta2, double weight_decay) {
    c10::AutoGradMode no_grad(false);
    Update update{"lion_", params, grads, halves, {exp_avg}, grad_scale};
    update.check();
    LionOptions options(lr, beta1, beta2, weight_decay);
    update.run([&](const UpdateView& view) { kernels().lion(options, view); },
               [&](auto... views) { gpu()->lion(options, views...); });
}

void sgd_(TensorList params, TensorList grads, TensorList momentum_buffers, TensorList halves, const OptionalTensor& grad_scale, double lr,
          double momentum, double dampening, double weight_decay, bool nesterov, bool first_step) {
    c10::AutoGradMode no_grad(false);
    Update update{"sgd_", params, grads, halves, {}, grad_scale};
    if (momentum != 0) update.moments.push_back(momentum_buffers);
    update.check();
    // The first gradient fills the momentum undamped.
    SgdOptions options{(float)lr, (float)weight_decay, (float)momentum, first_step ? 1 : (float)(1 - dampening), nesterov};
    update.run([&](const UpdateView& view) { kernels().sgd(options, view); },
               [&](auto... views) { gpu()->sgd(options, views...); });
}

namespace {

// One parameter as matrices (count, height, width); a vector is one row. Blocks of rows are tasks, joined in their order.
struct Adafactor {
    Tensor param, grad, halves;   // contiguous
    int64_t count, height, width, block;
    float scale;

    Adafactor(const Tensor& p, const Tensor& g, const Tensor& h, float s)
        : param(p), grad(g.contiguous()), halves(h), height(p.dim() < 2 ? 1 : p.size(-2)), width(p.dim() ? p.size(-1) : 1), scale(s) {
        count = p.numel() / std::max<int64_t>(1, height * width);
        block = std::max<int64_t>(1, Piece / std::max<int64_t>(1, width));
    }
    int64_t blocks() const { return (height + block - 1) / block; }
    FactoredView view(int64_t matrix, int64_t first, const float* rows, const float* columns) const {
        return {kernel_type(grad), (char*)grad.data_ptr() + (matrix * height + first) * width * grad.element_size(), scale,
                rows ? rows + matrix * height + first : nullptr, columns ? columns + matrix * width : nullptr,
                std::min(block, height - first), width};
    }
    // f(matrix, first row, block's number)
    template <class F> void each_block(const F& f) const {
        for_each_task(count * blocks(), [&](int64_t task, int64_t) { f(task / blocks(), task % blocks() * block, task); });
    }
    // The means over rows and over columns of squared gradients: (count, height), (count, width).
    std::pair<Tensor, Tensor> means(double eps) const {
        Tensor rows = at::empty({count, height}, at::kFloat), sums = at::zeros({count, blocks(), width}, at::kFloat);
        each_block([&](int64_t matrix, int64_t first, int64_t task) {
            kernels().factored_squares(view(matrix, first, nullptr, nullptr), eps, rows.data_ptr<float>() + matrix * height + first,
                                       sums.data_ptr<float>() + task * width);
        });
        return {rows / (double)width, sums.sum(1) / (double)height};
    }
    double size(const Tensor& rows, const Tensor& columns) const {
        std::vector<double> sums(count * blocks());
        each_block([&](int64_t matrix, int64_t first, int64_t task) {
            sums[task] = kernels().factored_size(view(matrix, first, rows.data_ptr<float>(), columns.data_ptr<float>()));
        });
        double total = 0;
        for (double s : sums) total += s;
        return total;
    }
    void step(const Tensor& rows, const Tensor& columns, double keep, double rate) const {
        each_block([&](int64_t matrix, int64_t first, int64_t) {
            int64_t at = (matrix * height + first) * width;
            UpdateView update{kernel_type(param), kernel_type(grad), (char*)param.data_ptr() + at * param.element_size(),
                              halves.defined() ? halves.data_ptr<int16_t>() + at : nullptr,
                              (char*)grad.data_ptr() + at * grad.element_size(), scale, nullptr, nullptr, 0};
            kernels().factored_step(view(matrix, first, rows.data_ptr<float>(), columns.data_ptr<float>()), update, keep, rate);
        });
    }
};

// Of fp32 values, or of those that bf16 and its lower halves make together.
double root_mean_square(const Tensor& param, const Tensor& halves) {
    Tensor x = halves.defined() ? (param.view(at::kShort).to(at::kInt) * 65536 + halves).view(at::kFloat) : param;
    return x.numel() == 0 ? 0 : at::linalg_vector_norm(x, 2, std::nullopt, false, at::kFloat).item<double>() / std::sqrt((double)x.numel());
}

}  // namespace

void adafactor_(TensorList params, TensorList grads, TensorList rows, TensorList columns, TensorList halves,
                const OptionalTensor& grad_scale, double lr, double beta2, double eps1, double eps2, double clip_threshold,
                double weight_decay, bool scale_parameter) {
    c10::AutoGradMode no_grad(false);
    Update update{"adafactor_", params, grads, halves, {}, grad_scale};
    update.check();
    TORCH_CHECK(rows.size() == params.size() && columns.size() == params.size(), "adafactor_: ", params.size(), " parameters, ",
                rows.size(), " and ", columns.size(), " means");
    if (update.on_meta()) return;
    TORCH_CHECK(!update.on_cuda(), "adafactor_: parameters are on the CPU");
    update.check_for_kernels();
    float scale = grad_scale ? grad_scale->item<float>() : 1;
    for (size_t i = 0; i < params.size(); i++) {
        Adafactor one(params[i], grads[i], halves.empty() ? Tensor() : halves[i], scale);
        Tensor row, column;   // factors
        if (params[i].dim() < 2) {
            Tensor scaled = grads[i].to(at::kFloat) * scale;
            rows[i].mul_(beta2).add_(scaled.square().add_(eps1), 1 - beta2);
            row = at::ones({1}, at::kFloat);
            column = rows[i].rsqrt();
        } else {
            auto [row_means, column_means] = one.means(eps1);
            rows[i].mul_(beta2).add_(row_means.view(rows[i].sizes()), 1 - beta2);
            columns[i].mul_(beta2).add_(column_means.view(columns[i].sizes()), 1 - beta2);
            row = (rows[i] / rows[i].mean(-1, true)).rsqrt_();
            column = columns[i].rsqrt();
        }
        double size = std::sqrt(one.size(row, column) / std::max<int64_t>(1, params[i].numel()));
        double rate = lr;
        if (scale_parameter) rate *= std::max(eps2, root_mean_square(params[i], one.halves));
        one.step(row, column, 1 - rate * weight_decay, rate / std::max(1.0, size / clip_threshold));
    }
    for (TensorList list : {params, halves}) Update::changed(list);
}

// Partial sums by pieces of fixed size, joined in their order: the same on any number of threads.
Tensor grad_norm(TensorList grads) {
    c10::AutoGradMode no_grad(false);
    TORCH_CHECK(!grads.empty(), "grad_norm: no gradients");
    bool ours = true, device = true;
    for (const Tensor& x : grads) {
        ours = ours && on_kernels(x);
        device = device && on_gpu(x) && x.device() == grads[0].device();
    }
    if (device) {
        c10::DeviceGuard guard(grads[0].device());
        std::vector<Tensor> gradients;
        std::vector<UpdateView> views;
        for (const Tensor& x : grads) {
            gradients.push_back(x.contiguous());
            const Type type = kernel_type(x);
            views.push_back({type, type, nullptr, nullptr, gradients.back().data_ptr(), 1, nullptr, nullptr, x.numel()});
        }
        auto fp32 = grads[0].options().dtype(at::kFloat);
        Tensor sums = at::empty({gpu()->norm_room(views.data(), (int64_t)views.size())}, fp32), norm = at::empty({}, fp32);
        gpu()->gradient_norm(views.data(), (int64_t)views.size(), sums.data_ptr<float>(), norm.data_ptr<float>());
        return norm;
    }
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
