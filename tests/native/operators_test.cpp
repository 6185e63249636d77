// The operators of namespace transformertorch against double-precision mathematics written out here: values and gradients, random shapes
// (odd lengths, one token, head sizes 8 to 256, strided views, rows without keys, large scores), once for each instruction set.
//   operators_test [CASES]      TT_ISA chooses one instruction set
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include "tt.h"

using at::Tensor;
using Optional = std::optional<Tensor>;
using c10::IValue;

namespace {

int failures = 0;
std::mt19937 dice(7);

int64_t roll(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(dice); }
bool one_in(int n) { return roll(1, n) == 1; }

template <class... Arguments> Tensor call(const char* name, Arguments... arguments) {
    torch::jit::Stack stack{IValue(arguments)...};
    c10::Dispatcher::singleton().findSchemaOrThrow((std::string("transformertorch::") + name).c_str(), "").callBoxed(stack);
    return stack.empty() ? Tensor() : stack[0].toTensor();
}

void expect_close(const std::string& what, const Tensor& ours, const Tensor& truth, double tolerance) {
    double error = (ours.to(at::kDouble) - truth).abs().max().item<double>(), size = std::max(0.1, truth.abs().max().item<double>());
    if (error <= tolerance * size && ours.isfinite().all().item<bool>()) return;
    failures++;
    std::printf("%s: off by %.3g where the largest is %.3g\n", what.c_str(), error, size);
}

Tensor leaf(const Tensor& x) { return x.detach().requires_grad_(); }
Tensor twin(const Tensor& x) { return x.detach().to(at::kDouble).requires_grad_(); }

// Compares a result and the gradients of everything that went in.
void compare(const std::string& what, const Tensor& ours, const std::vector<Tensor>& inputs, const Tensor& truth,
             const std::vector<Tensor>& twins, double tolerance) {
    expect_close(what, ours, truth.detach(), tolerance);
    Tensor weight = at::randn(ours.sizes()).to(ours.scalar_type());
    auto g = torch::autograd::grad({ours}, inputs, {weight}), h = torch::autograd::grad({truth}, twins, {weight.to(at::kDouble)});
    for (size_t i = 0; i < g.size(); i++) expect_close(what + ", gradient " + std::to_string(i), g[i], h[i], 4 * tolerance);
}

struct Bf16Autocast {
    Bf16Autocast() {
        at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
        at::autocast::set_autocast_enabled(at::kCPU, true);
    }
    ~Bf16Autocast() { at::autocast::set_autocast_enabled(at::kCPU, false); }
};

Tensor attention_truth(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, const Tensor& lengths, bool causal,
                       int64_t window, double cap) {
    int64_t H = q.size(2), K = k.size(2), Tq = q.size(1), Tk = k.size(1);
    Tensor scores = at::matmul(q.transpose(1, 2), k.repeat_interleave(H / K, 2).permute({0, 2, 3, 1})) / std::sqrt((double)q.size(3));
    if (cap > 0) scores = at::tanh(scores / cap) * cap;
    if (bias.defined()) scores = scores + bias;
    Tensor keys = at::arange(Tk), behind = (at::arange(Tq) + (Tk - Tq)).unsqueeze(1) - keys;
    Tensor seen = at::ones({1, 1, Tq, Tk}, at::kBool);
    if (causal) seen = seen.logical_and(behind >= 0);
    if (window > 0) seen = seen.logical_and(behind < window).logical_and(behind > -window);
    if (lengths.defined()) seen = seen.logical_and(keys < lengths.view({-1, 1, 1, 1}));
    Tensor highest = scores.masked_fill(seen.logical_not(), -1e300).amax(-1, true).detach();
    Tensor p = at::exp(at::where(seen, scores - highest, at::full({}, -1e4, at::kDouble))), total = p.sum(-1, true);
    return at::matmul(p / at::where(total > 0, total, at::ones({}, at::kDouble)),
                      v.repeat_interleave(H / K, 2).transpose(1, 2)).transpose(1, 2);
}

void attention() {
    const int64_t sizes[] = {8, 16, 20, 33, 64, 80, 128, 256};
    int64_t D = sizes[roll(0, 7)], K = roll(1, 3), H = K * roll(1, 3), B = roll(1, 3), Tq = one_in(4) ? roll(1, 3) : roll(1, 150);
    int64_t Tk = one_in(3) ? roll(1, 200) : Tq, window = one_in(2) ? 0 : roll(1, 50);
    bool causal = one_in(2), large = one_in(6);
    double cap = one_in(4) ? 2 : 0;
    auto type = one_in(3) ? at::kBFloat16 : at::kFloat;
    Tensor q, k, v, bias, lengths;
    if (Tq == Tk && one_in(2)) {   // views of one projection
        Tensor qkv = (at::randn({B, Tq, H + 2 * K, D}) * (large ? 30 : 1)).to(type);
        q = qkv.narrow(2, 0, H); k = qkv.narrow(2, H, K); v = qkv.narrow(2, H + K, K);
    } else {
        q = (at::randn({B, H, Tq, D}) * (large ? 30 : 1)).to(type).transpose(1, 2);
        k = (at::randn({B, Tk, K, D}) * (large ? 30 : 1)).to(type);
        v = at::randn({B, K, Tk, D}).to(type).transpose(1, 2);
    }
    if (one_in(3)) bias = at::randn({one_in(2) ? 1 : B, one_in(2) ? 1 : H, one_in(3) ? 1 : Tq, Tk});
    if (one_in(3)) lengths = at::randint(0, Tk + 1, {B}, at::kLong);

    std::vector<Tensor> inputs{leaf(q), leaf(k), leaf(v)}, twins{twin(q), twin(k), twin(v)};
    if (bias.defined()) { inputs.push_back(leaf(bias)); twins.push_back(twin(bias)); }
    auto run = [&](const std::vector<Tensor>& x) {
        return call("attention", x[0], x[1], x[2], x.size() > 3 ? IValue(x[3]) : IValue(), lengths.defined() ? IValue(lengths) : IValue(),
                    causal, window, IValue(), cap);
    };
    Tensor truth = attention_truth(twins[0], twins[1], twins[2], bias.defined() ? twins[3] : bias, lengths, causal, window, cap);
    auto name = c10::str("attention B", B, " T", Tq, "/", Tk, " H", H, "/", K, " D", D, causal ? " causal" : "", " window ", window,
                         " cap ", cap, bias.defined() ? " bias" : "", lengths.defined() ? " lengths" : "", large ? " large" : "",
                             type == at::kFloat ? "" : " bf16");
    // A score's rounding, relative to the score, is absolute in the exponent: the softmax of large scores is that much less sharp.
    double largest = (q.to(at::kDouble).norm(2, -1).max() * k.to(at::kDouble).norm(2, -1).max()).item<double>() / std::sqrt((double)D);
    compare(name, run(inputs), inputs, truth, twins, (type == at::kFloat ? 4e-6 : 2e-2) + 2.4e-7 * largest);
    compare(name + " in double", run(twins), twins, attention_truth(twins[0], twins[1], twins[2], bias.defined() ? twins[3] : bias,
                                                                    lengths, causal,
            window, cap), twins, 1e-9);
}

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

void gelu() {
    bool tanh = one_in(2);
    auto type = one_in(3) ? at::kBFloat16 : at::kFloat;
    Tensor x = leaf((at::randn({roll(1, 3000)}) * 4).to(type)), y = twin(x);
    Tensor truth = tanh ? y * (1 + at::tanh(std::sqrt(2 / M_PI) * (y + 0.044715 * y * y * y))) / 2
        : y * (1 + at::erf(y / std::sqrt(2.0))) / 2;
    compare("gelu", call("gelu", x, tanh ? "tanh" : "none"), {x}, truth, {y}, type == at::kFloat ? 1e-6 : 1e-2);
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
    Tensor ours = call("linear_cross_entropy", inputs[0], inputs[1], bias ? IValue(inputs[2]) : IValue(), targets, -100, smoothing, z_loss,
                       cap);
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

int run(int cases) {
    torch::manual_seed(7);
    for (int i = 0; i < cases; i++) {
        attention(); norms(); gelu(); linear(); cross_entropy(); plain_products();
    }
    return failures ? 1 : 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (!tt_build_info()) return 1;   // also keeps the library among what is linked
    int cases = count > 1 ? std::atoi(arguments[1]) : 25;
    if (std::getenv("TT_ISA")) return run(cases);
    int failed = 0;
    for (const char* isa : {"avx512", "avx2", "portable"}) {
        pid_t child = fork();
        if (child == 0) {
            setenv("TT_ISA", isa, 1);
            execv("/proc/self/exe", arguments);
            _exit(127);
        }
        int status = 0;
        waitpid(child, &status, 0);
        std::printf("%s: %s\n", isa, status == 0 ? "passed" : "FAILED");
        failed += status != 0;
    }
    return failed;
}
