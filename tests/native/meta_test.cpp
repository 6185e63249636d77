// Every operator on tensors of device meta, which have a shape and no memory: the same shapes and types as on the CPU, gradients too.
#include <functional>
#include <map>

#include "check.h"

namespace {

using Arguments = torch::jit::Stack;

IValue on_meta(const IValue& x) {
    auto moved = [](const Tensor& t) { return t.detach().to(at::kMeta).requires_grad_(t.requires_grad()); };
    if (x.isTensor()) return moved(x.toTensor());
    if (!x.isTensorList()) return x;
    std::vector<Tensor> list;
    for (const Tensor& t : x.toTensorVector()) list.push_back(moved(t));
    return list;
}

Tensor learns(at::IntArrayRef sizes) { return at::randn(sizes).requires_grad_(); }
IValue none() { return IValue(); }

// Each operator's arguments, in the schema's order.
std::map<std::string, std::vector<Arguments>> calls() {
    at::AutoGradMode grad(true);
    Tensor x = learns({2, 3, 64}), w = learns({32, 64}), b = learns({32}), u = learns({64}), ids = at::randint(0, 32, {2, 3}, at::kLong);
    Tensor q = learns({2, 5, 4, 16}), k = learns({2, 5, 2, 16}), v = learns({2, 5, 2, 16}), angles = at::rand({5, 8});
    Tensor table = at::arange(4).view({2, 2}), slots = at::randn({16, 2, 16});
    auto attention = [&](auto bias, auto documents, auto slopes, double dropout) {
        return Arguments{q, k, v, bias, none(), true, 0, none(), 0.0, none(), documents, none(), slopes, none(), dropout};
    };
    at::NoGradGuard off;
    auto packed = call_all("quantize_weight", w.detach(), 8, 32);
    auto both = [] { return std::vector<Tensor>{at::randn({8, 4}), at::randn({4})}; };
    std::vector<Tensor> params = both(), grads = both(), first = both(), second = both(), halves;
    std::vector<Tensor> rows{at::ones({8}), at::ones({4})}, columns{at::ones({4}), at::ones({0})};
    return {
        {"attention", {attention(none(), none(), none(), 0.0), attention(learns({1, 4, 5, 5}), at::zeros({2, 5}, at::kInt), none(), 0.0),
                       attention(none(), none(), at::rand({4}), 0.1)}},
        {"paged_attention", {{at::randn({2, 4, 16}), slots, slots, table, at::full({2}, 5, at::kLong), 4, none(), 0, 0.25, 0.0}}},
        {"layer_norm", {{x, u, u, 1e-5}, {x, none(), none(), 1e-5}}},
        {"rms_norm", {{x, u, 1e-5}}},
        {"add_norm", {{x, x, u, u, 1e-5, true}, {x, x, u, none(), 1e-5, false}}},
        {"linear", {{x, w, b}, {x, w, none()}}},
        {"linear_activation", {{x, w, b, "gelu", false}, {x, w, b, "silu", true}}},
        {"activation", {{x, "gelu_tanh", false}, {x, "relu", true}}},
        {"quantize_weight", {{w.detach(), 4, 32}}},
        {"dequantize_weight", {{packed[0], packed[1], 8, 32, 64}}},
        {"quantized_linear", {{x, packed[0], packed[1], b, 8, 32, "", false}, {x, packed[0], packed[1], b, 8, 32, "silu", true}}},
        {"embedding", {{w, ids, -1}, {w, ids, 3}}},
        {"rotary", {{q, angles, angles, false, 0, false}, {q, angles, angles, true, 2, true}}},
        {"split_heads", {{q, 2, 1, 0}, {x, 2, 1, 16}}},
        {"place_heads", {{k.detach().narrow(0, 0, 1), v.detach().narrow(0, 0, 1), slots, slots.clone(), at::arange(5)}}},
        {"append_heads", {{k.detach(), v.detach(), at::randn({2, 9, 2, 16}), at::randn({2, 9, 2, 16}), 1, 3}}},
        {"linear_cross_entropy", {{learns({6, 64}), w, b, ids.flatten(), -100, 0.1, 1e-3, 30.0}}},
        {"adamw_", {{params, grads, first, second, halves, none(), 1e-3, 0.9, 0.999, 1e-8, 0.01, 1}}},
        {"lion_", {{params, grads, first, halves, none(), 1e-3, 0.9, 0.99, 0.01}}},
        {"sgd_", {{params, grads, first, halves, none(), 1e-3, 0.9, 0.0, 0.0, false, true}}},
        {"adafactor_", {{params, grads, rows, columns, halves, none(), 1e-3, 0.8, 1e-30, 1e-3, 1.0, 0.0, true}}},
        {"grad_norm", {Arguments{grads}}},
    };
}

struct Outcome { std::vector<Tensor> results, gradients; };

Outcome outcome(const std::string& name, Arguments stack) {
    std::vector<Tensor> inputs;
    for (const IValue& x : stack)
        if (x.isTensor() && x.toTensor().requires_grad()) inputs.push_back(x.toTensor());
    c10::Dispatcher::singleton().findSchemaOrThrow(("transformertorch::" + name).c_str(), "").callBoxed(stack);
    Outcome all;
    std::vector<Tensor> learned;
    for (const IValue& x : stack) {
        all.results.push_back(x.toTensor());
        if (x.toTensor().requires_grad()) learned.push_back(x.toTensor().sum());
    }
    if (!learned.empty()) all.gradients = torch::autograd::grad(learned, inputs, {}, std::nullopt, false, /*allow_unused=*/true);
    return all;
}

void expect_alike(const std::string& what, const std::vector<Tensor>& real, const std::vector<Tensor>& meta) {
    expect(what + ": as many", real.size() == meta.size());
    for (size_t i = 0; i < std::min(real.size(), meta.size()); i++) {
        expect(what + ": as many defined", real[i].defined() == meta[i].defined());
        if (!real[i].defined() || !meta[i].defined()) continue;
        expect(c10::str(what, " ", i, " is ", meta[i].sizes(), " ", meta[i].scalar_type(), " on ", meta[i].device(), ", not ",
                        real[i].sizes(), " ", real[i].scalar_type()),
               meta[i].is_meta() && real[i].sizes() == meta[i].sizes() && real[i].scalar_type() == meta[i].scalar_type());
    }
}

int run() {
    torch::manual_seed(7);
    auto all = calls();
    for (const auto& op : c10::Dispatcher::singleton().getAllOpNames())
        if (op.name.rfind("transformertorch::", 0) == 0) expect(op.name + " is tested here", all.count(op.name.substr(18)) == 1);
    for (const auto& [name, cases] : all)
        for (const Arguments& arguments : cases) {
            Arguments moved;
            for (const IValue& x : arguments) moved.push_back(on_meta(x));
            try {
                Outcome real = outcome(name, arguments), meta = outcome(name, moved);
                expect_alike(name, real.results, meta.results);
                expect_alike(name + ", gradient", real.gradients, meta.gradients);
            } catch (const c10::Error& e) {
                expect(name + ": " + e.what_without_backtrace(), false);
            }
        }
    return failures ? 1 : 0;
}

}  // namespace

int main() { return tt_build_info() ? run() : 1; }
