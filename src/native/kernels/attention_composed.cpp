// Attention from libtorch's own operators: for devices and types that our kernels do not serve.
#include "attention_plan.h"

namespace tt {

using at::Tensor;

// (B, Tk, K, D) -> (B, H, Tk, D), each key head repeated for the query heads that share it.
static Tensor repeated(const Tensor& x, int64_t heads) {
    int64_t B = x.size(0), T = x.size(1), K = x.size(2), D = x.size(3);
    if (K == heads) return x.transpose(1, 2);
    return x.unsqueeze(3).expand({B, T, K, heads / K, D}).reshape({B, T, heads, D}).transpose(1, 2);
}

// How far each key (Tq, Tk) lies behind the query.
static Tensor distances(const Tensor& query, int64_t Tk) {
    auto options = query.options().dtype(at::kLong);
    return (at::arange(query.size(1), options) + (Tk - query.size(1))).unsqueeze(1) - at::arange(Tk, options);
}

// Which keys a query sees, broadcastable to (B, H, Tq, Tk); undefined where all are seen.
static Tensor visible(const Tensor& query, int64_t Tk, const AttentionOptions& o) {
    Tensor behind = distances(query, Tk), keys = at::arange(Tk, behind.options()), seen;
    auto join = [&seen](const Tensor& x) { seen = seen.defined() ? seen.logical_and(x) : x; };
    auto on_device = [&](const OptionalTensor& x) { return x->to(query.device()); };
    if (o.causal && o.prefix) join((behind >= 0).logical_or(keys < on_device(o.prefix).view({-1, 1, 1, 1})));
    else if (o.causal) join(behind >= 0);
    if (o.window > 0) join(behind < o.window);
    if (o.window > 0 && !o.causal) join(behind > -o.window);
    if (o.key_lengths) join(keys < on_device(o.key_lengths).view({-1, 1, 1, 1}));
    if (o.key_mask) join(on_device(o.key_mask).to(at::kBool).unsqueeze(1).unsqueeze(1));
    if (o.documents) {
        Tensor documents = on_device(o.documents), own = documents.narrow(1, Tk - query.size(1), query.size(1));
        join((own.unsqueeze(2) == documents.unsqueeze(1)).unsqueeze(1));
    }
    return seen;
}

// What is added to the scores; undefined where nothing is.
static Tensor terms(const Tensor& query, int64_t Tk, const AttentionOptions& o) {
    Tensor sum = or_undefined(o.bias);
    if (!o.distance_bias) return sum;
    int64_t Tq = query.size(1);
    Tensor places = (distances(query, Tk) + (Tq - 1)).flatten();
    Tensor by_distance = o.distance_bias->to(query.device()).index_select(1, places).view({1, query.size(2), Tq, Tk});
    return sum.defined() ? sum + by_distance : by_distance;
}

Tensor attention_composed(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionOptions& o) {
    int64_t heads = query.size(2), Tq = query.size(1), Tk = key.size(1);
    Tensor q = query.transpose(1, 2), k = repeated(key, heads), v = repeated(value, heads);   // (B, H, T, D)
    bool alike = !o.prefix && !o.key_lengths && !o.key_mask && !o.documents && o.window == 0;
    if (alike && !o.bias && !o.distance_bias && o.soft_cap == 0 && (!o.causal || Tq == Tk))
        return at::scaled_dot_product_attention(q, k, v, {}, o.dropout, o.causal, o.scale).transpose(1, 2).contiguous();

    Tensor seen = visible(query, Tk, o), added = terms(query, Tk, o), any;
    if (seen.defined()) {   // a row that sees nothing is computed over all keys and then zeroed: no 0 / 0 in its gradient
        any = seen.any(-1, true);
        seen = seen.logical_or(any.logical_not());
    }
    Tensor out;
    if (o.soft_cap == 0) {
        Tensor mask = added.defined() ? added.to(q.scalar_type()) : Tensor();
        if (seen.defined()) mask = mask.defined() ? mask.masked_fill(seen.logical_not(), -INFINITY) : seen;
        out = at::scaled_dot_product_attention(q, k, v, mask.defined() ? OptionalTensor(mask) : std::nullopt, o.dropout, false, o.scale);
    } else {
        Tensor scores = at::matmul(q, k.transpose(-2, -1)) * o.scale;   // (B, H, Tq, Tk)
        scores = at::tanh(scores / o.soft_cap) * o.soft_cap;
        if (added.defined()) scores = scores + added;
        if (seen.defined()) scores = scores.masked_fill(seen.logical_not(), -INFINITY);
        Tensor weights = at::softmax(scores, -1, at::kFloat == scores.scalar_type() ? std::nullopt : std::optional(scores.scalar_type()));
        out = at::matmul(o.dropout > 0 ? at::dropout(weights, o.dropout, true) : weights, v);
    }
    if (any.defined()) out = out.masked_fill(any.logical_not(), 0);
    return out.transpose(1, 2).contiguous();
}

}  // namespace tt
