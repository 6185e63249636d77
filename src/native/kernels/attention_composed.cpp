// Attention from libtorch's own operators: for devices and types that our kernels do not serve.
#include "operators.h"

namespace tt {

using at::Tensor;

// (B, Tk, K, D) -> (B, H, Tk, D), each key head repeated for the query heads that share it.
static Tensor repeated(const Tensor& x, int64_t heads) {
    int64_t B = x.size(0), T = x.size(1), K = x.size(2), D = x.size(3);
    if (K == heads) return x.transpose(1, 2);
    return x.unsqueeze(3).expand({B, T, K, heads / K, D}).reshape({B, T, heads, D}).transpose(1, 2);
}

// Which keys a query sees, broadcastable to (B, H, Tq, Tk); undefined where all are seen.
static Tensor visible(const Tensor& query, int64_t Tk, const OptionalTensor& key_lengths, bool causal, int64_t window) {
    auto options = query.options().dtype(at::kLong);
    Tensor keys = at::arange(Tk, options), seen;
    auto join = [&seen](const Tensor& x) { seen = seen.defined() ? seen.logical_and(x) : x; };
    Tensor behind = (at::arange(query.size(1), options) + (Tk - query.size(1))).unsqueeze(1) - keys;
    if (causal) join(behind >= 0);
    if (window > 0) join(behind < window);
    if (window > 0 && !causal) join(behind > -window);
    if (key_lengths) join(keys < key_lengths->to(query.device(), at::kLong).view({-1, 1, 1, 1}));
    return seen;
}

Tensor attention_composed(const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& bias,
                          const OptionalTensor& key_lengths, bool causal, int64_t window, double scale, double soft_cap) {
    int64_t heads = query.size(2), Tq = query.size(1), Tk = key.size(1);
    Tensor q = query.transpose(1, 2), k = repeated(key, heads), v = repeated(value, heads);   // (B, H, T, D)
    bool plain = !bias && !key_lengths && window == 0 && soft_cap == 0;
    if (plain && (!causal || Tq == Tk))
        return at::scaled_dot_product_attention(q, k, v, {}, 0.0, causal, scale).transpose(1, 2).contiguous();

    Tensor seen = visible(query, Tk, key_lengths, causal, window), any;
    if (seen.defined()) {   // a row that sees nothing is computed over all keys and then zeroed: no 0 / 0 in its gradient
        any = seen.any(-1, true);
        seen = seen.logical_or(any.logical_not());
    }
    Tensor out;
    if (soft_cap == 0) {
        Tensor mask = bias ? bias->to(q.scalar_type()) : Tensor();
        if (seen.defined()) mask = mask.defined() ? mask.masked_fill(seen.logical_not(), -INFINITY) : seen;
        out = at::scaled_dot_product_attention(q, k, v, mask.defined() ? OptionalTensor(mask) : std::nullopt, 0.0, false, scale);
    } else {
        Tensor scores = at::matmul(q, k.transpose(-2, -1)) * scale;   // (B, H, Tq, Tk)
        scores = at::tanh(scores / soft_cap) * soft_cap;
        if (bias) scores = scores + *bias;
        if (seen.defined()) scores = scores.masked_fill(seen.logical_not(), -INFINITY);
        out = at::matmul(at::softmax(scores, -1, at::kFloat == scores.scalar_type() ? std::nullopt : std::optional(scores.scalar_type())),
                         v);
    }
    if (any.defined()) out = out.masked_fill(any.logical_not(), 0);
    return out.transpose(1, 2).contiguous();
}

}  // namespace tt
