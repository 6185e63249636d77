// What the native tests share: dice, calls by name, comparisons with double precision, one child process for each instruction set.
#pragma once
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

// Where operators are asked for what they compute: TT_TEST_DEVICE=cuda, else the CPU.
at::Device where() {
    const char* name = std::getenv("TT_TEST_DEVICE");
    return at::Device(name ? name : "cpu");
}

int64_t roll(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(dice); }
bool one_in(int n) { return roll(1, n) == 1; }

template <class... Arguments> torch::jit::Stack call_all(const char* name, Arguments... arguments) {
    torch::jit::Stack stack{IValue(arguments)...};
    c10::Dispatcher::singleton().findSchemaOrThrow((std::string("transformertorch::") + name).c_str(), "").callBoxed(stack);
    return stack;
}
template <class... Arguments> Tensor call(const char* name, Arguments... arguments) {
    torch::jit::Stack stack = call_all(name, arguments...);
    return stack.empty() ? Tensor() : stack[0].toTensor();
}

// The tolerance is relative to the largest, or to `least` where all are smaller: what rounding leaves of values that cancel.
void expect_close(const std::string& what, const Tensor& ours, const Tensor& truth, double tolerance, double least = 0.1) {
    double error = (ours.to(at::kCPU, at::kDouble) - truth).abs().max().item<double>();
    double size = std::max(least, truth.abs().max().item<double>());
    if (error <= tolerance * size && ours.isfinite().all().item<bool>()) return;
    failures++;
    std::printf("%s: off by %.3g where the largest is %.3g\n", what.c_str(), error, size);
}

Tensor leaf(const Tensor& x) { return x.detach().to(where()).requires_grad_(); }
Tensor twin(const Tensor& x) { return x.detach().to(at::kCPU, at::kDouble).requires_grad_(); }

void expect(const std::string& what, bool holds) {
    if (holds) return;
    failures++;
    std::printf("not so: %s\n", what.c_str());
}

// Compares a result and the gradients of everything that went in, which are the same bits at each pass.
void compare(const std::string& what, const Tensor& ours, const std::vector<Tensor>& inputs, const Tensor& truth,
             const std::vector<Tensor>& twins, double tolerance, double least = 0.1) {
    expect_close(what, ours, truth.detach(), tolerance);
    Tensor weight = at::randn(ours.sizes()).to(ours.scalar_type());
    Tensor there = weight.to(ours.device());
    auto g = torch::autograd::grad({ours}, inputs, {there}, /*retain_graph=*/true);
    auto again = torch::autograd::grad({ours}, inputs, {there});
    auto h = torch::autograd::grad({truth}, twins, {weight.to(at::kDouble)});
    for (size_t i = 0; i < g.size(); i++) {
        expect(what + ", gradient " + std::to_string(i) + ": twice the same bits", g[i].equal(again[i]));
        expect_close(what + ", gradient " + std::to_string(i), g[i], h[i], 4 * tolerance, least);
    }
}

struct Bf16Autocast {
    Bf16Autocast() {
        at::autocast::set_autocast_dtype(where().type(), at::kBFloat16);
        at::autocast::set_autocast_enabled(where().type(), true);
    }
    ~Bf16Autocast() { at::autocast::set_autocast_enabled(where().type(), false); }
};

// Runs the cases here where TT_ISA names an instruction set, or on another device, else once in a child process for each.
int once_for_each_isa(char** arguments, int (*run)()) {
    if (!tt_build_info()) return 1;   // also keeps the library among what is linked
    if (std::getenv("TT_ISA") || !where().is_cpu()) return run();
    int failed = 0;
    for (const char* isa : {"amx", "avx512bf16", "avx512", "avx2", "portable"}) {
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

}  // namespace
