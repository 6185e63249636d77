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

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A chunk's products and its rows' losses, on the processor and on a GPU: `score` leaves the losses and answers with the gradient of the
// logits (rows, V), which stands until the next one.
struct Scoring {
    const LossOptions& o;
    Tensor x, weight, bias;   // x and the products of one type
    const bool wants;
    int64_t vocabulary() const { return weight.size(0); }
};

#ifdef TT_HAVE_DNNL
struct OnProcessor : Scoring {
    const int64_t chunk;
    Tensor logits, lowered;
    OnProcessor(const Scoring& s)
        : Scoring(s), chunk(std::max<int64_t>(256, (int64_t)(16 << 20) / (4 * std::max<int64_t>(1, vocabulary())))) {
        const int64_t rows = std::min(chunk, x.size(0));
        logits = at::empty({rows, vocabulary()}, x.options().dtype(at::kFloat));
        if (wants && x.scalar_type() == at::kBFloat16) lowered = at::empty(logits.sizes(), x.options());
        bias = as_float(bias);
    }
    Tensor score(const Tensor& part, const int64_t* targets, float* losses) const {
        const int64_t rows = part.size(0), V = vocabulary();
        Tensor out = logits.narrow(0, 0, rows);
        multiply_weight(matrix(part), weight, Use::transposed, type_of(x), matrix(out), {floats(bias)});
        float* scores = out.data_ptr<float>();
        for_each_task((rows + 7) / 8, [&](int64_t task, int64_t) {
            int64_t row = task * 8, count = std::min<int64_t>(8, rows - row);
            void* to = lowered.defined() ? lowered.data_ptr<at::BFloat16>() + row * V : nullptr;
            kernels().cross_entropy(o, scores + row * V, count, V, targets + row, losses + row, wants, to);
        });
        return lowered.defined() ? lowered.narrow(0, 0, rows) : out;
    }
    void to_hidden(const Tensor& gradient, const Tensor& dhidden) const {
        multiply_weight(matrix(gradient), weight, Use::as_is, type_of(x), matrix(dhidden));
    }
    void to_weight(const Tensor& gradient, const Tensor& part, const Tensor& dweight, bool adds) const {
        multiply(matrix(gradient).transposed(), matrix(part), matrix(dweight), {nullptr, adds});
    }
    static Tensor sum(const Tensor& gradient) { return sum_rows(gradient); }
};
#endif

struct OnGpu : Scoring {
    const int64_t stride, chunk;   // rows of logits begin on boundaries: tensor cores and wide accesses want them there
    c10::DeviceGuard guard;
    Tensor logits;
    OnGpu(const Scoring& s)
        : Scoring(s), stride((vocabulary() + 63) / 64 * 64),
          chunk(std::max<int64_t>(1024, (int64_t)(512 << 20) / (s.x.element_size() * std::max<int64_t>(1, stride)))), guard(s.x.device()) {
        logits = at::empty({std::min(chunk, x.size(0)), stride}, x.options());
        weight = weight.to(x.scalar_type());
        if (bias.defined()) bias = bias.to(x.scalar_type());
    }
    Tensor score(const Tensor& part, const int64_t* targets, float* losses) const {
        Tensor out = logits.narrow(0, 0, part.size(0)).narrow(1, 0, vocabulary());
        if (bias.defined()) at::addmm_out(out, bias, part, weight.t());
        else at::mm_out(out, part, weight.t());
        gpu()->cross_entropy(o, kernel_type(x), out.data_ptr(), stride, out.size(0), vocabulary(), targets, losses, wants);
        return out;
    }
    void to_hidden(const Tensor& gradient, Tensor dhidden) const { dhidden.copy_(at::mm(gradient, weight)); }
    void to_weight(const Tensor& gradient, const Tensor& part, Tensor dweight, bool adds) const {
        Tensor product = at::mm(gradient.t(), part);
        if (adds) dweight.add_(product);
        else dweight.copy_(product);
    }
    static Tensor sum(const Tensor& gradient) { return gradient.sum(0, false, at::kFloat); }
};

struct LossFunction : torch::autograd::Function<LossFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias,
                          const Tensor& targets, LossOptions o, at::ScalarType type, bool wants_hidden, bool wants_weight,
                          bool wants_bias) {
        const bool wants = wants_hidden || wants_weight || wants_bias;
        const int64_t N = hidden.size(0), C = hidden.size(1), V = weight.size(0);
        Tensor x = hidden.is_cuda() ? hidden.to(type).contiguous() : in_type(hidden, type);
        auto fp32 = x.options().dtype(at::kFloat);
        Tensor losses = at::empty({N}, fp32), dhidden, dweight, dbias;
        if (wants_hidden) dhidden = at::empty({N, C}, hidden.options());
        if (wants_weight) dweight = N > 0 ? at::empty({V, C}, fp32) : at::zeros({V, C}, fp32);
        if (wants_bias) dbias = at::zeros({V}, fp32);
        auto run = [&](const auto& with) {
            for (int64_t first = 0; first < N; first += with.chunk) {
                const int64_t rows = std::min(with.chunk, N - first);
                Tensor part = x.narrow(0, first, rows);
                Tensor gradient = with.score(part, targets.data_ptr<int64_t>() + first, losses.data_ptr<float>() + first);
                if (wants_hidden) with.to_hidden(gradient, dhidden.narrow(0, first, rows));
                if (wants_weight) with.to_weight(gradient, part, dweight, first > 0);
                if (wants_bias) dbias.add_(with.sum(gradient));
            }
        };
        const Scoring scoring{o, x, weight, or_undefined(bias), wants};
        if (hidden.is_cuda()) run(OnGpu(scoring));
#ifdef TT_HAVE_DNNL
        else run(OnProcessor(scoring));
#endif
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

bool gpu_serves(const Tensor& hidden, const Tensor& weight, at::ScalarType type) {
    return on_gpu(hidden) && weight.device() == hidden.device() && (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf);
}

}  // namespace

Tensor linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const OptionalTensor& bias, const Tensor& targets,
                            const LossOptions& o, at::ScalarType type) {
    TORCH_CHECK(hidden.dim() == 2 && weight.dim() == 2 && hidden.size(1) == weight.size(1) && targets.dim() == 1
                && targets.size(0) == hidden.size(0), "linear_cross_entropy: hidden ", hidden.sizes(), ", weight ", weight.sizes(),
                    " and targets ", targets.sizes(), " do not go together");
    TORCH_CHECK(targets.device() == hidden.device(), "linear_cross_entropy: targets are on ", targets.device(), ", hidden on ",
                hidden.device());
    TORCH_CHECK(targets.scalar_type() == at::kLong, "linear_cross_entropy: targets are int64, not ", targets.scalar_type());
    OptionalTensor b = present(bias);
    if (hidden.is_meta())
        return shaped({}, hidden.options(), hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat, {hidden, weight, b});
    const bool device = gpu_serves(hidden, weight, type);
    if (device || products_serve(hidden, weight, type)) {
        Tensor wanted = targets.contiguous();
        const int64_t *t = wanted.data_ptr<int64_t>(), V = weight.size(0);
        for (int64_t i = 0; i < wanted.size(0) && !device; i++)   // a GPU would have to be waited for: there its loss is NaN
            TORCH_CHECK_INDEX(t[i] == o.ignore_index || (t[i] >= 0 && t[i] < V), "linear_cross_entropy: target ", t[i], " at ", i,
                              " is outside [0, ", V, ")");
        auto wants = [](const Tensor& x) { return at::GradMode::is_enabled() && x.requires_grad(); };
        return LossFunction::apply(hidden, as_read(weight), b, wanted, o, type, wants(hidden), wants(weight), b && wants(*b));
    }
    return composed(hidden, weight, b, targets, o, type);
}

}  // namespace tt
