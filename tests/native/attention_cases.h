// Random cases of attention, with every option, against double-precision mathematics written out here: values and gradients, odd lengths,
// one token, head sizes 8 to 256, strided views, rows without keys, large scores. Case::attend is what is tested.
#pragma once
#include <functional>

#include "check.h"

namespace {

inline IValue given(const Tensor& x) { return x.defined() ? IValue(x) : IValue(); }

struct Case {
    Tensor bias, lengths, mask, documents, prefix, slopes, distance_bias;   // undefined: none
    bool causal = false;
    int64_t window = 0;
    IValue scale;
    double cap = 0, dropout = 0;

    Tensor operator()(const Tensor& q, const Tensor& k, const Tensor& v) const { return attend(*this, q, k, v); }
    Tensor operator()(const std::vector<Tensor>& x) const { return (*this)(x[0], x[1], x[2]); }
    Tensor by_operator(const Tensor& q, const Tensor& k, const Tensor& v) const {
        return call("attention", q, k, v, given(bias), given(lengths), causal, window, scale, cap, given(mask), given(documents),
                    given(prefix), given(slopes), given(distance_bias), dropout);
    }

    static inline std::function<Tensor(const Case&, const Tensor& q, const Tensor& k, const Tensor& v)> attend =
        [](const Case& c, const Tensor& q, const Tensor& k, const Tensor& v) { return c.by_operator(q, k, v); };
};

// What random cases are drawn from.
struct Limits {
    int64_t batch = 3, queries = 200, keys = 300, heads = 3;
    std::vector<at::ScalarType> types{at::kFloat, at::kBFloat16};
    bool in_double = true;   // some of them by libtorch's operators too
};

// keep (B, H, Tq, Tk): what dropout multiplies the weights by.
Tensor truth(const Case& c, const std::vector<Tensor>& x, const Tensor& keep = {}) {
    const Tensor &q = x[0], &k = x[1], &v = x[2];
    int64_t H = q.size(2), K = k.size(2), Tq = q.size(1), Tk = k.size(1);
    double scale = c.scale.isNone() ? 1 / std::sqrt((double)q.size(3)) : c.scale.toDouble();
    Tensor scores = at::matmul(q.transpose(1, 2), k.repeat_interleave(H / K, 2).permute({0, 2, 3, 1})) * scale;
    if (c.cap > 0) scores = at::tanh(scores / c.cap) * c.cap;
    if (c.bias.defined()) scores = scores + c.bias;
    Tensor keys = at::arange(Tk), behind = (at::arange(Tq) + (Tk - Tq)).unsqueeze(1) - keys;   // (Tq, Tk)
    if (c.slopes.defined()) scores = scores - c.slopes.view({-1, 1, 1}) * behind;
    if (c.distance_bias.defined()) scores = scores + c.distance_bias.index({at::indexing::Slice(), behind + Tq - 1});
    Tensor seen = at::ones({1, 1, Tq, Tk}, at::kBool);
    if (c.causal) seen = (behind >= 0).view({1, 1, Tq, Tk});
    if (c.causal && c.prefix.defined()) seen = seen.logical_or(keys < c.prefix.view({-1, 1, 1, 1}));
    if (c.window > 0) seen = seen.logical_and(behind < c.window);
    if (c.window > 0 && !c.causal) seen = seen.logical_and(behind > -c.window);
    if (c.lengths.defined()) seen = seen.logical_and(keys < c.lengths.view({-1, 1, 1, 1}));
    if (c.mask.defined()) seen = seen.logical_and(c.mask.to(at::kBool).unsqueeze(1).unsqueeze(1));
    if (c.documents.defined())
        seen = seen.logical_and((c.documents.narrow(1, Tk - Tq, Tq).unsqueeze(2) == c.documents.unsqueeze(1)).unsqueeze(1));
    Tensor highest = scores.masked_fill(seen.logical_not(), -1e300).amax(-1, true).detach();
    Tensor p = at::exp(at::where(seen, scores - highest, at::full({}, -1e4, at::kDouble))), total = p.sum(-1, true);
    Tensor weights = p / at::where(total > 0, total, at::ones({}, at::kDouble));
    if (keep.defined()) weights = weights * keep;
    return at::matmul(weights, v.repeat_interleave(H / K, 2).transpose(1, 2)).transpose(1, 2);
}

// What a call with this seed multiplies the weights by, (B, H, Tq, Tk): with equal scores and one key's value in each feature.
Tensor kept(const Case& c, int64_t B, int64_t Tq, int64_t Tk, int64_t H) {
    Case plain;
    plain.dropout = c.dropout;
    torch::manual_seed(11);
    Tensor values = at::eye(Tk).view({1, Tk, 1, Tk}).expand({B, Tk, H, Tk});
    return (plain(at::zeros({B, Tq, H, Tk}), at::zeros({B, Tk, H, Tk}), values) * Tk).transpose(1, 2).to(at::kDouble);
}

Tensor documents_of(int64_t B, int64_t T) {   // runs of random lengths, and sometimes none in order
    Tensor starts = (at::rand({B, T}) < (one_in(2) ? 0.02 : 0.2)).to(at::kLong).cumsum(1);
    return one_in(5) ? 7 - starts % 3 : starts;
}

void one_case(const Limits& most = {}) {
    const int64_t sizes[] = {8, 16, 20, 33, 64, 80, 128, 256};
    int64_t D = sizes[roll(0, 7)], K = roll(1, most.heads), H = K * roll(1, most.heads), B = roll(1, most.batch);
    int64_t Tq = one_in(3) ? roll(1, 5) : roll(1, most.queries);
    int64_t Tk = one_in(3) ? (one_in(2) ? roll(1, most.keys) : Tq + roll(0, most.keys - most.queries + 1)) : Tq;
    bool large = one_in(6), tail = Tq <= Tk;
    auto type = most.types[roll(0, (int64_t)most.types.size() - 1)];
    Tensor q, k, v;
    if (Tq == Tk && one_in(2)) {   // views of one projection
        Tensor qkv = (at::randn({B, Tq, H + 2 * K, D}) * (large ? 30 : 1)).to(type);
        q = qkv.narrow(2, 0, H); k = qkv.narrow(2, H, K); v = qkv.narrow(2, H + K, K);
    } else {
        q = (at::randn({B, H, Tq, D}) * (large ? 30 : 1)).to(type).transpose(1, 2);
        k = (at::randn({B, Tk, K, D}) * (large ? 30 : 1)).to(type);
        v = at::randn({B, K, Tk, D}).to(type).transpose(1, 2);
    }
    Case c;
    std::string name = c10::str("attention B", B, " T", Tq, "/", Tk, " H", H, "/", K, " D", D, large ? " large" : "",
                                type == at::kFloat ? "" : type == at::kHalf ? " fp16" : " bf16");
    auto with = [&](const char* option, bool wanted) { if (wanted) name += std::string(" ") + option; return wanted; };
    if (with("causal", one_in(2))) c.causal = true;
    if (with("window", one_in(3))) c.window = roll(1, 90);
    if (with("cap", one_in(5))) c.cap = 2;
    if (with("scale", one_in(5))) c.scale = one_in(4) ? -0.3 : 0.3;
    if (with("bias", one_in(5))) c.bias = at::randn({one_in(2) ? 1 : B, one_in(2) ? 1 : H, one_in(3) ? 1 : Tq, Tk});
    if (c.bias.defined() && one_in(3)) c.bias = c.bias.transpose(2, 3).contiguous().transpose(2, 3);
    if (with("lengths", one_in(5))) c.lengths = at::randint(0, Tk + 1, {B}, at::kLong);
    if (with("mask", one_in(4))) {
        Tensor at = at::arange(Tk), first = at::randint(0, Tk, {B, 1}), end = at::randint(0, Tk + 1, {B, 1});
        c.mask = one_in(3) ? at::rand({B, Tk}) < 0.7 : one_in(2) ? (at >= first).to(at::kLong) : (at < end).to(at::kLong);
    }
    if (with("documents", tail && one_in(4))) c.documents = documents_of(B, Tk);
    if (with("prefix", tail && one_in(6))) c.prefix = at::randint(0, Tk + 1, {B}, at::kLong);
    if (with("slopes", one_in(6))) c.slopes = at::rand({H});
    if (with("distances", one_in(4))) c.distance_bias = at::randn({H, Tq + Tk - 1});
    if (with("dropout", Tk <= 256 && one_in(5))) c.dropout = 0.3;

    std::vector<Tensor> inputs{leaf(q), leaf(k), leaf(v)}, twins{twin(q), twin(k), twin(v)};
    Case exact = c;
    auto learned = [&](Tensor Case::*term) {
        if (!(c.*term).defined()) return;
        exact.*term = twin(c.*term); c.*term = leaf(c.*term);
        inputs.push_back(c.*term); twins.push_back(exact.*term);
    };
    learned(&Case::bias); learned(&Case::distance_bias);
    if (c.slopes.defined()) exact.slopes = c.slopes.to(at::kDouble);
    Tensor keep = c.dropout > 0 ? kept(c, B, Tq, Tk, H) : Tensor();
    torch::manual_seed(11);
    // A score's rounding, relative to the score, is absolute in the exponent: the softmax of large scores is that much less sharp.
    double factor = c.scale.isNone() ? 1 / std::sqrt((double)D) : 0.3;
    double largest = (q.to(at::kDouble).norm(2, -1).max() * k.to(at::kDouble).norm(2, -1).max()).item<double>() * factor;
    if (c.slopes.defined()) largest += c.slopes.max().item<double>() * (double)std::max(Tq, Tk);
    // Where few keys are seen, gradients are differences of what halves have rounded at the size of the weights' gradients: that of the
    // values, and then multiplied by keys or queries.
    auto spread = [](const Tensor& x) { return std::max(1.0, x.to(at::kDouble).std(false).item<double>()); };
    double size = large ? spread(k) * spread(v) : 0.3;
    double rounding = type == at::kFloat ? 4e-6 : type == at::kHalf ? 4e-3 : 2e-2;
    compare(name, c(inputs), inputs, truth(exact, twins, keep), twins, rounding + 2.4e-7 * largest,
            type == at::kFloat ? 0.1 : size);
    exact.dropout = 0;
    if (most.in_double && one_in(4)) compare(name + " in double", exact(twins), twins, truth(exact, twins), twins, 1e-9);
    torch::manual_seed(roll(0, 1 << 30));
}

using PagedAttention = Tensor(const Tensor& query, const Tensor& keys, const Tensor& values, const Tensor& pages, const Tensor& lengths,
                              int64_t page, const Tensor& bias, int64_t window, double scale, double cap);

// Against each sequence's attention by itself. What it does not see was never written.
void one_paged_case(const Limits& most, PagedAttention attend) {
    const int64_t sizes[] = {8, 20, 64, 128, 256};
    int64_t D = sizes[roll(0, 4)], K = roll(1, 3), H = K * roll(1, 4), N = roll(1, 3);
    int64_t page = one_in(2) ? 1 << roll(0, 5) : roll(1, 40), M = roll(1, 200 / page);
    auto type = most.types[roll(0, (int64_t)most.types.size() - 1)];
    Tensor pages = at::randperm(N * M + 2, at::kLong).narrow(0, 0, N * M).view({N, M});
    Tensor lengths = at::randint(1, M * page + 1, {N}, at::kLong);
    Tensor q = at::randn({N, H, D}).to(type), k = at::full({(N * M + 2) * page, K, D}, NAN).to(type), v = k.clone();
    Tensor bias = one_in(3) ? at::randn({one_in(2) ? 1 : N, one_in(2) ? 1 : H, 1, M * page}) : Tensor();
    int64_t window = one_in(3) ? roll(1, 100) : 0;
    for (int64_t n = 0; n < N; n++) {
        int64_t length = lengths[n].item<int64_t>(), first = window ? std::max<int64_t>(0, length - window) : 0;
        Tensor places = (pages[n].unsqueeze(1) * page + at::arange(page)).flatten().slice(0, first, length);
        for (Tensor& x : {std::ref(k), std::ref(v)}) x.index_copy_(0, places, at::randn({length - first, K, D}).to(type));
    }
    Case c;
    c.causal = true; c.window = window; c.cap = one_in(3) ? 2 : 0;
    Tensor ours = attend(q, k, v, pages, lengths, page, bias, window, 1 / std::sqrt((double)D), c.cap);
    for (int64_t n = 0; n < N; n++) {
        int64_t length = lengths[n].item<int64_t>();
        auto held = [&](const Tensor& x) {
            Tensor all = x.to(at::kDouble).view({-1, page, K, D}).index_select(0, pages[n]).view({1, M * page, K, D});
            return all.narrow(1, 0, length).nan_to_num();
        };
        if (bias.defined()) c.bias = bias.narrow(0, bias.size(0) == 1 ? 0 : n, 1).narrow(3, 0, length).to(at::kDouble);
        Tensor expected = truth(c, {q[n].view({1, 1, H, D}).to(at::kDouble), held(k), held(v)});
        expect_close(c10::str("pages of ", page, ", N", N, " M", M, " H", H, "/", K, " D", D, " ", type), ours[n], expected.view({H, D}),
                     type == at::kFloat ? 4e-6 : type == at::kHalf ? 4e-3 : 2e-2);
    }
}

void rows_without_keys_give_zeros() {
    Case c;
    c.lengths = at::zeros({2}, at::kLong);
    for (int64_t Tq : {1, 70}) {
        Tensor q = leaf(at::randn({2, Tq, 3, 16})), k = leaf(at::randn({2, 90, 3, 16})), v = leaf(at::randn({2, 90, 3, 16}));
        Tensor out = c(q, k, v);
        expect("a row without keys is zero", out.abs().max().item<float>() == 0);
        for (const Tensor& g : torch::autograd::grad({out}, {q, k, v}, {at::randn_like(out)}))
            expect("a row without keys has no gradient", g.abs().max().item<float>() == 0);
    }
}

void dropout_drops_its_share() {
    for (double p : {0.1, 0.5, 0.9}) {
        Case c;
        c.dropout = p;
        Tensor keep = kept(c, 2, 200, 200, 4);
        expect("dropout drops its share", std::abs((keep == 0).to(at::kDouble).mean().item<double>() - p) < 0.01);
        expect("dropout keeps the mean", std::abs(keep.mean().item<double>() - 1) < 0.03);
        expect("dropout differs by head and row", !keep.select(1, 0).equal(keep.select(1, 1)) && !keep[0].equal(keep[1]));
        expect("dropout repeats with its seed", keep.equal(kept(c, 2, 200, 200, 4)));
        expect("dropout belongs to places, not to shapes", keep.narrow(2, 0, 90).eq(0).equal(kept(c, 2, 90, 200, 4).eq(0)));
    }
}

}  // namespace
