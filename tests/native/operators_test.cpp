// The operators of namespace transformertorch against double-precision mathematics written out here: values and gradients, random shapes
// (odd lengths, one token, large values) on one to five threads, once for each instruction set.
//   operators_test [CASES]      TT_ISA chooses one instruction set, TT_TEST_DEVICE=cuda a GPU
#include "check.h"

namespace {

void norms() {
    bool rms = one_in(2);
    int64_t C = one_in(3) ? 384 : roll(4, 900);
    auto type = one_in(3) ? at::kBFloat16 : at::kFloat;
    Tensor x = (at::randn({roll(1, 200), 2, C}) * 3 + 5).to(type), w = at::randn({C}), b = at::randn({C});
    std::vector<Tensor> inputs{leaf(x), leaf(w)}, twins{twin(x), twin(w)};
    if (!rms) { inputs.push_back(leaf(b)); twins.push_back(twin(b)); }
    Tensor u = rms ? twins[0] : twins[0] - twins[0].mean(-1, true);
    Tensor truth = u * at::rsqrt(u.square().mean(-1, true) + 1e-5) * twins[1];
    if (!rms) truth = truth + twins[2];
    Tensor ours = rms ? call("rms_norm", inputs[0], inputs[1], 1e-5) : call("layer_norm", inputs[0], inputs[1], inputs[2], 1e-5);
    compare(rms ? "rms_norm" : "layer_norm", ours, inputs, truth, twins, type == at::kFloat ? 3e-6 : 1e-2);
}

void sums_and_norms() {
    bool rms = one_in(2), lower = one_in(2);
    int64_t C = one_in(3) ? 384 : roll(4, 900);
    Tensor x = at::randn({roll(1, 100), C}), added = (at::randn(x.sizes()) * 3).to(lower ? at::kBFloat16 : at::kFloat), w = at::randn({C});
    std::vector<Tensor> inputs{leaf(x), leaf(added), leaf(w)}, twins{twin(x), twin(added), twin(w)};
    Tensor total = twins[0] + twins[1], u = rms ? total : total - total.mean(-1, true);
    Tensor truth = u * at::rsqrt(u.square().mean(-1, true) + 1e-5) * twins[2];
    auto both = call_all("add_norm", inputs[0], inputs[1], inputs[2], IValue(), 1e-5, !rms);
    compare("add_norm", at::cat({both[0].toTensor(), both[1].toTensor()}), inputs, at::cat({total, truth}), twins, lower ? 1e-2 : 3e-6);
}

// Written out, for double.
Tensor function_of(const std::string& name, const Tensor& v) {
    return name == "silu" ? v / (1 + at::exp(-v)) : name == "relu" ? v.clamp_min(0)
        : name == "gelu" ? v * (1 + at::erf(v / std::sqrt(2.0))) / 2
        : v * (1 + at::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))) / 2;
}

void activations() {
    bool gated = one_in(2);
    auto type = one_in(3) ? at::kBFloat16 : at::kFloat;
    const char* names[] = {"gelu", "gelu_tanh", "silu", "relu"};
    std::string name = names[roll(0, 3)];
    Tensor x = leaf((at::randn({roll(1, 9), 2 * roll(1, 400)}) * 4).to(type)), y = twin(x);
    Tensor v = gated ? y.narrow(-1, 0, y.size(1) / 2) : y;
    Tensor truth = function_of(name, v);
    if (gated) truth = truth * y.narrow(-1, y.size(1) / 2, y.size(1) / 2);
    compare("activation " + name + (gated ? " gated" : ""), call("activation", x, name, gated), {x}, truth, {y},
            type == at::kFloat ? 1e-6 : 1e-2);
}

// What overflows or is no number, against the C library's functions of one: libtorch's own of vectors are wrong there on some processors.
void extremes() {
    const std::map<std::string, double (*)(double)> functions{
        {"gelu", [](double v) { return v * 0.5 * std::erfc(-v * M_SQRT1_2); }},
        {"gelu_tanh", [](double v) { return v * 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))); }},
        {"silu", [](double v) { return v / (1 + std::exp(-v)); }},
        {"relu", [](double v) { return v > 0 ? v : v == v ? 0 : v; }},
    };
    for (auto [name, function] : functions) {
        std::vector<double> values{INFINITY, NAN, 3e38, 100, 0.0, -0.0, -100, -1e4}, results;
        if (name == "relu") values.push_back(-INFINITY);   // the others' products with nothing are no numbers there
        for (double v : values) results.push_back(function(v));
        Tensor x = at::tensor(values).to(at::kFloat).repeat({5}).to(where());   // vectors and a rest
        Tensor truth = at::tensor(results).to(at::kFloat).repeat({5}).to(where());
        expect(name + " of extremes", at::allclose(call("activation", x, name, false), truth, 1e-6, 1e-30, /*equal_nan*/ true));
    }
}

// What is no number spoils what it takes part in, and nothing else.
void no_numbers() {
    at::NoGradGuard none;
    Tensor x = at::randn({2, 64}), w = at::randn({20, 64}), b = at::randn({20});
    x[1][3] = NAN;
    auto packed = call_all("quantize_weight", w, 8, 32);
    Tensor y = call("quantized_linear", x, packed[0], packed[1], b, 8, 20, "", false);
    expect("8 bits: a row with a NaN", y[1].isnan().all().item<bool>() && y[0].isfinite().all().item<bool>());
}

// The same bits on one thread, and for a row (of the dimension before the last) that stands alone.
template <class F> void expect_steady(const std::string& what, const F& product, const Tensor& x, const Tensor& ours) {
    int threads = at::get_num_threads();
    at::set_num_threads(1);
    expect(what + ": the same on one thread", product(x).equal(ours));
    at::set_num_threads(threads);
    int64_t row = roll(0, x.size(-2) - 1);
    expect(what + ": the same for a row alone", product(x.narrow(-2, row, 1)).equal(ours.narrow(-2, row, 1)));
}

void skinny() {   // few rows of x, strided weights, odd depths
    auto type = one_in(2) ? at::kBFloat16 : at::kFloat;
    int64_t M = roll(1, 17), K = one_in(2) ? 64 * roll(1, 8) : roll(1, 700), O = roll(1, 150);
    Tensor x = at::randn({1, M, K}).to(type), w = at::randn({O, K + roll(0, 9)}).to(type).narrow(1, 0, K), b = at::randn({O}).to(type);
    at::NoGradGuard none;
    Tensor truth = at::matmul(twin(x), twin(w).t()) + twin(b);
    auto name = c10::str("few rows: ", M, " x ", K, " to ", O);
    Tensor ours = call("linear", x, w, b);
    expect_close(name, ours, truth, type == at::kFloat ? 1e-5 : 1e-2);
    if (M <= 16) expect_steady(name, [&](const Tensor& some) { return call("linear", some, w, b); }, x, ours);
}

void quantized() {
    int64_t bits = one_in(2) ? 8 : 4, group = 8 * roll(1, 16), K = roll(1, 500), O = one_in(4) ? roll(500, 2000) : roll(1, 100);
    int64_t M = one_in(4) ? roll(9, 120) : roll(1, 9);
    auto type = one_in(3) ? at::kBFloat16 : at::kFloat;
    Tensor x = (at::randn({M, K}) * 3).to(type), w = at::randn({O, K}), b = at::randn({O});
    at::NoGradGuard none;
    auto packed = call_all("quantize_weight", w, bits, group);
    Tensor back = call("dequantize_weight", packed[0], packed[1], bits, O, K);
    // Half a step of the largest in a group, bf16's rounding of the scale included.
    expect_close(c10::str("weights of ", bits, " bits"), back, twin(w), bits == 8 ? 6e-3 : 0.13);
    auto name = c10::str(bits, " bits: ", M, " x ", K, " to ", O, " in groups of ", group);
    auto product = [&](const Tensor& some) { return call("quantized_linear", some, packed[0], packed[1], b, bits, O, "", false); };
    Tensor ours = product(x), truth = at::matmul(twin(x), twin(back).t()) + twin(b);
    expect_close(name, ours, truth, type == at::kFloat ? 1e-4 : 1e-2);
    expect_steady(name, product, x, ours);
    for (bool gated : {false, true}) {
        if (gated && O % 2 != 0) continue;
        Tensor both = call("quantized_linear", x, packed[0], packed[1], b, bits, O, "gelu_tanh", gated);
        expect(name + ", and a function", both.equal(call("activation", ours, "gelu_tanh", gated)));
    }
    at::AutoGradMode with(true);
    Tensor y = twin(x);   // double goes by libtorch's operators
    expect_close(name + " composed", product(y).detach(), truth, 1e-6);
}

void linear() {
    bool lower = one_in(2), bias = one_in(2), whole = one_in(2);   // whole blocks are packed, others not
    int64_t C = whole ? 64 * roll(1, 3) : roll(1, 100), O = whole ? 64 * roll(1, 3) : roll(1, 120);
    Tensor x = at::randn({2, roll(1, 70), C}), w = leaf(one_in(3) ? at::randn({C, O}).t() : at::randn({O, C})), b = at::randn({O});
    for (int change = 0; change < 2; change++) {   // the second time a packed copy would be out of date
        if (change) { torch::NoGradGuard none; w.mul_(1.5); }
        std::vector<Tensor> inputs{leaf(x), w}, twins{twin(x), twin(w)};
        if (bias) { inputs.push_back(leaf(b)); twins.push_back(twin(b)); }
        Tensor ours, truth = at::matmul(twins[0], twins[1].t());
        if (bias) truth = truth + twins[2];
        {
            std::optional<Bf16Autocast> autocast;
            if (lower) autocast.emplace();
            ours = call("linear", inputs[0], w, bias ? IValue(inputs[2]) : IValue());
        }
        if (ours.scalar_type() != (lower ? at::kBFloat16 : at::kFloat)) { failures++; std::puts("linear: not in autocast's type"); }
        compare(c10::str("linear ", C, " to ", O, lower ? " bf16" : ""), ours, inputs, truth, twins, lower ? 2e-2 : 1e-5);
    }
}

void linear_activations() {   // the products' own epilogue without gradients, a second pass with them
    bool lower = one_in(2), bias = one_in(2), gated = one_in(2), whole = one_in(2);
    int64_t C = whole ? 64 * roll(1, 3) : roll(1, 100), O = whole ? 64 * roll(1, 3) : 2 * roll(1, 60);
    const char* names[] = {"gelu", "gelu_tanh", "silu", "relu"};
    std::string name = names[roll(0, 3)];
    std::vector<Tensor> inputs{leaf(at::randn({2, roll(1, 70), C}) * 2), leaf(at::randn({O, C}) / std::sqrt((double)C))}, twins;
    if (bias) inputs.push_back(leaf(at::randn({O})));
    for (const Tensor& x : inputs) twins.push_back(twin(x));
    Tensor v = at::matmul(twins[0], twins[1].t());
    if (bias) v = v + twins[2];
    Tensor truth = gated ? function_of(name, v.narrow(-1, 0, O / 2)) * v.narrow(-1, O / 2, O / 2) : function_of(name, v), ours, alone;
    auto run = [&] { return call("linear_activation", inputs[0], inputs[1], bias ? IValue(inputs[2]) : IValue(), name, gated); };
    {
        std::optional<Bf16Autocast> autocast;
        if (lower) autocast.emplace();
        ours = run();
        at::NoGradGuard none;
        alone = run();
    }
    auto what = c10::str("linear_activation ", name, gated ? " gated " : " ", C, " to ", O, lower ? " bf16" : "");
    expect(what + ": autocast's type", ours.scalar_type() == (lower ? at::kBFloat16 : at::kFloat));
    expect_close(what + " without gradients", alone, truth.detach(), lower ? 2e-2 : 1e-5);
    if (one_in(2)) {   // its gradient is part of a larger tensor then
        auto beside = [](const Tensor& y) { return at::cat({y, at::zeros_like(y)}, -1); };
        ours = beside(ours), truth = beside(truth);
    }
    // relu's slope jumps at zero, where rounding decides
    compare(what, ours, inputs, truth, twins, lower ? (name == "relu" ? 6e-2 : 2e-2) : 1e-5);
}

void cross_entropy() {
    bool lower = one_in(2), bias = one_in(2);
    double smoothing = one_in(2) ? 0 : 0.1, z_loss = one_in(2) ? 0 : 1e-2, cap = one_in(3) ? 3 : 0;
    int64_t N = one_in(8) ? 600 : roll(1, 90), C = one_in(3) ? 64 : roll(1, 70), V = one_in(3) ? 512 : roll(2, 500);
    Tensor x = at::randn({N, C}), w = at::randn({V, C}) / std::sqrt((double)C), b = at::randn({V}),
        targets = at::randint(0, V, {N}, at::kLong);
    targets.masked_fill_(at::rand({N}) < 0.2, -100);
    std::vector<Tensor> inputs{leaf(x), leaf(w)}, twins{twin(x), twin(w)};
    if (bias) { inputs.push_back(leaf(b)); twins.push_back(twin(b)); }
    Tensor logits = at::matmul(twins[0], twins[1].t());
    if (bias) logits = logits + twins[2];
    if (cap > 0) logits = at::tanh(logits / cap) * cap;
    Tensor lse = at::logsumexp(logits, -1), chosen = logits.gather(1, targets.clamp_min(0).unsqueeze(1)).squeeze(1);
    Tensor each = lse - (1 - smoothing) * chosen - smoothing * logits.mean(-1) + z_loss * lse * lse;
    Tensor truth = (each * (targets != -100).to(at::kDouble)).sum();
    std::optional<Bf16Autocast> autocast;
    if (lower) autocast.emplace();
    Tensor ours = call("linear_cross_entropy", inputs[0], inputs[1], bias ? IValue(inputs[2]) : IValue(), targets.to(where()), -100,
                       smoothing, z_loss, cap);
    autocast.reset();
    compare(c10::str("linear_cross_entropy N", N, " C", C, " V", V, lower ? " bf16" : ""), ours, inputs, truth, twins, lower ? 3e-2 : 1e-5);
}

void plain_products() {   // whatever reaches sgemm_
    int64_t m = roll(1, 70), n = roll(1, 70), k = roll(1, 70);
    Tensor a = one_in(2) ? at::randn({m, k}) : at::randn({k, m}).t(), b = one_in(2) ? at::randn({k, n}) : at::randn({n, k}).t();
    Tensor truth = at::mm(a.to(at::kDouble), b.to(at::kDouble)), old = at::randn({m, n}), garbage = at::full({m, n}, NAN);
    expect_close("mm", at::mm(a, b), truth, 1e-5);
    expect_close("addmm", at::addmm(old, a, b, 0.5, 2), 0.5 * old.to(at::kDouble) + 2 * truth, 1e-5);
    expect_close("addmm, beta 0", at::addmm_out(garbage, at::full({m, n}, NAN), a, b, 0, 2), 2 * truth, 1e-5);
}

int cases = 25;

int run() {
    torch::manual_seed(7);
    extremes();
    if (where().is_cpu()) no_numbers();
    for (int i = 0; i < cases; i++) {
        at::set_num_threads((int)roll(1, 5));
        norms(); sums_and_norms(); activations(); linear(); cross_entropy();
        if (where().is_cpu()) { linear_activations(); skinny(); quantized(); plain_products(); }   // the CPU's own
    }
    return failures ? 1 : 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1) cases = std::atoi(arguments[1]);
    return once_for_each_isa(arguments, run);
}
