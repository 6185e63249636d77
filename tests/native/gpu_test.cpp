// The operators' kernels for GPUs, emulated on the CPU (cuda_emulation.h), against double-precision mathematics: forward and backward,
// every type, whole and odd widths, places off their boundaries.
#define TT_CUDA_EMULATION
#include "kernels/elementwise.cuh"
#include "kernels/loss.cuh"
#include "kernels/norm.cuh"
#include "kernels/optimizer.cuh"

#include "check.h"

namespace {

using namespace tt;

Type type_of(const Tensor& x) {
    return x.scalar_type() == at::kBFloat16 ? Type::bf16 : x.scalar_type() == at::kHalf ? Type::f16 : Type::f32;
}
double tolerance(const Tensor& x) { return x.scalar_type() == at::kFloat ? 3e-6 : x.scalar_type() == at::kHalf ? 2e-3 : 1e-2; }
at::ScalarType any_type() { return one_in(2) ? at::kFloat : one_in(2) ? at::kBFloat16 : at::kHalf; }
void* data(const Tensor& x) { return x.defined() ? x.data_ptr() : nullptr; }
float* floats(const Tensor& x) { return x.defined() ? x.data_ptr<float>() : nullptr; }

// Sometimes not where memory begins.
Tensor placed(const Tensor& x) {
    if (one_in(2)) return x.clone();
    Tensor room = at::empty({x.numel() + 1}, x.options());
    return room.narrow(0, 1, x.numel()).view(x.sizes()).copy_(x);
}
Tensor random(at::IntArrayRef sizes, at::ScalarType type, double scale = 1) { return placed((at::randn(sizes) * scale).to(type)); }

void norms(int64_t C) {
    const bool centred = one_in(2), adds = one_in(2), affine = !one_in(4);
    const int64_t rows = C > 1024 ? roll(1, 3) : roll(1, 20);
    const auto type = any_type();
    Tensor x = random({rows, C}, type, 2), added = adds ? random({rows, C}, any_type()) : Tensor(), w, b;
    if (affine) w = placed(at::randn({C}));
    if (affine && centred) b = placed(at::randn({C}));
    Tensor total = adds ? placed(at::zeros_like(x)) : x, y = placed(at::zeros_like(x)), mean = at::zeros({rows}), rstd = at::zeros({rows});
    NormView view{type_of(x), C, 1e-5f, floats(w), floats(b), centred, adds ? type_of(added) : Type::f32};
    float* means = centred ? floats(mean) : nullptr;
    device::norm_forward(view, data(x), data(added), adds ? data(total) : nullptr, data(y), means, floats(rstd), rows);
    const std::string name = c10::str(centred ? "layer" : "rms", " norm of ", rows, " x ", C, adds ? " after a sum" : "");
    if (adds) expect_close(name + ": the sum", total, twin(x).detach() + twin(added).detach(), tolerance(x));

    Tensor t = twin(total), weight = affine ? twin(w) : at::ones({C}, at::kDouble);
    Tensor bias = b.defined() ? twin(b) : at::zeros({C}, at::kDouble);
    weight.requires_grad_();
    bias.requires_grad_();
    Tensor u = centred ? t - t.mean(-1, true) : t, truth = u * at::rsqrt(u.square().mean(-1, true) + 1e-5) * weight + bias;
    expect_close(name, y, truth.detach(), tolerance(x));
    Tensor dy = random({rows, C}, type), passed = adds ? random({rows, C}, type) : Tensor(), dx = placed(at::zeros_like(x));
    const int64_t parts = one_in(2) ? device::norm_parts(C, rows) : roll(1, rows);
    Tensor dw = at::full({parts, C}, NAN), db = at::full({parts, C}, NAN);
    device::norm_backward(view, data(total), data(dy), data(passed), means, floats(rstd), data(dx),
                          affine ? floats(dw) : nullptr, floats(db), rows, parts);
    auto g = torch::autograd::grad({truth}, {t, weight, bias}, {twin(dy).detach()});
    expect_close(name + ", backward", dx, adds ? g[0] + twin(passed).detach() : g[0], 4 * tolerance(x));
    if (affine) expect_close(name + ", its weight", dw.sum(0), g[1], 4 * tolerance(x));
    expect_close(name + ", its bias", db.sum(0), g[2], 4 * tolerance(x));
}

void activations() {
    const bool gated = one_in(2);
    const char* names[] = {"gelu", "gelu_tanh", "silu", "relu"};
    const int kind = (int)roll(0, 3);
    const int64_t rows = roll(1, 5), width = one_in(2) ? 4 * roll(1, 40) : roll(1, 150);
    Tensor x = random({rows, gated ? 2 * width : width}, any_type(), 4), y = placed(at::zeros({rows, width}, x.options()));
    Tensor dy = random({rows, width}, x.scalar_type()), dx = placed(at::zeros_like(x));
    const int64_t n = gated ? rows : 1, wide = gated ? width : rows * width;
    device::activation(type_of(x), (Activation)kind, data(x), data(y), n, wide, gated);
    device::activation_backward(type_of(x), (Activation)kind, data(x), data(dy), data(dx), n, wide, gated);
    Tensor t = twin(x), v = gated ? t.narrow(1, 0, width) : t;
    Tensor truth = kind == 0 ? v * (1 + at::erf(v / std::sqrt(2.0))) / 2
        : kind == 1 ? v * (1 + at::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))) / 2
        : kind == 2 ? v / (1 + at::exp(-v)) : v.clamp_min(0);
    if (gated) truth = truth * t.narrow(1, width, width);
    const std::string name = c10::str(names[kind], gated ? " gated " : " ", rows, " x ", width);
    expect_close(name, y, truth.detach(), tolerance(x));
    expect_close(name + ", backward", dx, torch::autograd::grad({truth}, {t}, {twin(dy).detach()})[0], 4 * tolerance(x));
}

void rotations() {
    const bool interleaved = one_in(2), batched = one_in(2), inverse = one_in(2);
    const int64_t B = roll(1, 3), T = roll(1, 5), H = roll(1, 4);
    const int64_t half = one_in(2) ? 4 * roll(1, 5) : roll(1, 17), D = 2 * half + (one_in(2) ? 0 : roll(0, 9));
    Tensor all = random({B, T, 2 * H, D}, any_type()), x = one_in(2) ? all.narrow(2, H, H) : all.narrow(2, 0, H);
    Tensor angles = at::randn({batched ? B : 1, T, half}), c = angles.cos(), s = angles.sin();
    Tensor y = placed(at::zeros({B, T, H, D}, x.options()));
    RotaryView view{type_of(x), T, H, D, 2 * half, x.stride(0), x.stride(1), x.stride(2), T * H * D, H * D, D,
                    batched ? T * half : 0, half, interleaved, inverse};
    device::rotary(view, data(x), floats(c), floats(s), data(y), B);
    Tensor t = twin(x).detach(), cos = twin(c).detach().unsqueeze(2), sin = twin(s).detach().unsqueeze(2) * (inverse ? -1 : 1);
    Tensor u = interleaved ? t.slice(3, 0, 2 * half, 2) : t.narrow(3, 0, half);
    Tensor v = interleaved ? t.slice(3, 1, 2 * half, 2) : t.narrow(3, half, half);
    Tensor first = u * cos - v * sin, second = v * cos + u * sin;
    Tensor turned = interleaved ? at::stack({first, second}, -1).flatten(-2) : at::cat({first, second}, -1);
    expect_close(c10::str("rotary ", half, " of ", D), y, at::cat({turned, t.narrow(3, 2 * half, D - 2 * half)}, -1), tolerance(x));
}

void losses() {
    const LossOptions o{-100, one_in(2) ? 0 : 0.1, one_in(2) ? 0 : 1e-2, one_in(3) ? 3.0 : 0};
    const int64_t N = roll(1, 6), V = one_in(2) ? roll(2, 60) : roll(2000, 3000), stride = one_in(2) ? (V + 63) / 64 * 64 : V;
    Tensor all = random({N, stride}, any_type(), one_in(4) ? 20 : 2), logits = all.narrow(1, 0, V);
    Tensor beyond = all.narrow(1, V, stride - V).clone();
    Tensor targets = at::randint(0, V, {N}, at::kLong), each = at::full({N}, 7.0f);
    targets.masked_fill_(at::rand({N}) < 0.2, -100);
    Tensor t = twin(logits), scores = o.soft_cap > 0 ? at::tanh(t / o.soft_cap) * o.soft_cap : t, lse = at::logsumexp(scores, -1);
    Tensor chosen = scores.gather(1, targets.clamp_min(0).unsqueeze(1)).squeeze(1);
    Tensor truth = (lse - (1 - o.label_smoothing) * chosen - o.label_smoothing * scores.mean(-1) + o.z_loss * lse * lse)
        * (targets != -100).to(at::kDouble);
    const std::string name = c10::str("cross-entropy ", N, " x ", V);
    Tensor before = all.clone();
    device::cross_entropy(o, type_of(all), data(all), stride, N, V, targets.data_ptr<int64_t>(), floats(each), false);
    expect_close(name, each, truth.detach(), 3e-6, 1);
    expect(name + ": logits stay", all.equal(before));
    device::cross_entropy(o, type_of(all), data(all), stride, N, V, targets.data_ptr<int64_t>(), floats(each), true);
    expect_close(name + ", with gradient", each, truth.detach(), 3e-6, 1);
    // Half a unit of the logits' own rounding, up to 100 here, stands in the exponent.
    expect_close(name + ", gradient", logits, torch::autograd::grad({truth.sum()}, {t})[0], std::max(1e-5, tolerance(all)));
    expect(name + ": what is beyond a row stays", all.narrow(1, V, stride - V).equal(beyond));
    targets[0] = V;
    device::cross_entropy(o, type_of(all), data(all), stride, N, V, targets.data_ptr<int64_t>(), floats(each), true);
    expect(name + ": a target outside shows", std::isnan(each[0].item<float>()) && logits[0].count_nonzero().item<int64_t>() == 0);
}

// Several tables' worth of tensors, an empty one and a long one among them, over three steps.
void optimizers() {
    const int kind = (int)roll(0, 2), count = (int)roll(1, 110);
    const bool halved = one_in(3), scaled = one_in(2);
    std::vector<Tensor> params, grads, halves, first, second, values, m, v;
    for (int i = 0; i < count; i++) {
        const int64_t n = i == 3 ? 0 : i == 5 && one_in(4) ? 20000 : roll(1, 90);
        Tensor value = at::randn({n});
        params.push_back(halved ? value.to(at::kBFloat16) : placed(value));
        if (halved) halves.push_back(at::zeros({n}, at::kShort));
        grads.push_back(random({n}, halved ? at::kBFloat16 : at::kFloat));
        first.push_back(placed(at::zeros({n})));
        second.push_back(placed(at::zeros({n})));
        values.push_back(twin(params.back()).detach());
        m.push_back(at::zeros({n}, at::kDouble));
        v.push_back(at::zeros({n}, at::kDouble));
    }
    Tensor scale = at::full({}, 0.37f);
    const double lr = 0.02, decay = 0.1, b1 = 0.9, b2 = kind == 1 ? 0.99 : 0.999;
    const bool nesterov = one_in(2);
    std::vector<UpdateView> views;
    for (int i = 0; i < count; i++)
        views.push_back({type_of(params[i]), type_of(grads[i]), data(params[i]), halved ? halves[i].data_ptr<int16_t>() : nullptr,
                         data(grads[i]), 9, floats(first[i]), kind == 0 ? floats(second[i]) : nullptr,   // 9: not to be read
                         params[i].numel()});
    for (int64_t step = 1; step <= 3; step++) {
        const float* factor = scaled ? floats(scale) : nullptr;
        if (kind == 0) device::adamw(AdamwOptions(lr, b1, b2, 1e-8, decay, step), views.data(), count, factor);
        else if (kind == 1) device::lion(LionOptions(lr, b1, b2, decay), views.data(), count, factor);
        else device::sgd(SgdOptions{(float)lr, (float)decay, 0.9f, step == 1 ? 1.0f : 0.8f, nesterov}, views.data(), count, factor);
        for (int i = 0; i < count; i++) {
            Tensor g = twin(grads[i]).detach() * (scaled ? (double)0.37f : 1), &w = values[i];
            if (kind == 0) {
                m[i] = b1 * m[i] + (1 - b1) * g;
                v[i] = b2 * v[i] + (1 - b2) * g * g;
                w = w * (1 - lr * decay) - lr / (1 - std::pow(b1, step)) * m[i] / ((v[i] / (1 - std::pow(b2, step))).sqrt() + 1e-8);
            } else if (kind == 1) {
                w = w * (1 - lr * decay) - lr * (b1 * m[i] + (1 - b1) * g).sign();
                m[i] = b2 * m[i] + (1 - b2) * g;
            } else {
                g = g + decay * w;
                m[i] = 0.9 * m[i] + (step == 1 ? 1 : 0.8) * g;
                w = w - lr * (nesterov ? g + 0.9 * m[i] : m[i]);
            }
        }
    }
    for (int i = 0; i < count; i++) {
        if (params[i].numel() == 0) continue;
        Tensor ours = halved ? (params[i].view(at::kShort).to(at::kInt) * 65536 + halves[i]).view(at::kFloat) : params[i];
        expect_close(c10::str("optimizer ", kind, ", tensor ", i, " of ", count, halved ? ", halved" : ""), ours, values[i], 3e-6);
        if (halved)
            expect("the upper half is the value rounded", (ours - params[i].to(at::kFloat)).abs().le(ours.abs() / 256).all().item<bool>());
    }
    double squares = 0;
    for (const Tensor& g : grads) squares += twin(g).detach().square().sum().item<double>();
    Tensor sums = at::full({device::norm_room(views.data(), count)}, NAN), norm = at::empty({});
    device::gradient_norm(views.data(), count, floats(sums), floats(norm));
    expect_close("the norm of gradients", norm, at::full({}, std::sqrt(squares), at::kDouble), 1e-6);
}

}  // namespace

int main(int count, char** arguments) {
    if (!tt_build_info()) return 1;
    torch::manual_seed(7);
    const int cases = count > 1 ? std::atoi(arguments[1]) : 8;
    for (int i = 0; i < cases; i++) {
        for (int64_t C : {roll(1, 40), 4 * roll(60, 70), roll(500, 540), 768l, roll(1000, 1030)}) norms(C);
        if (i % 4 == 0) for (int64_t C : {roll(1025, 1100), roll(4090, 4110), tt::device::WidestNorm}) norms(C);
        activations(); activations(); rotations(); losses(); optimizers();
    }
    return failures ? 1 : 0;
}
