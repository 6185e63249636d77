// The GPU's attention kernels on the cases of attention_cases.h: on a GPU where there is one, else as source on the CPU, where every
// thread is emulated.
//   attention_device_test [CASES]
#define TT_CUDA_EMULATION
#include "kernels/attention_codes.cuh"
#include "kernels/attention_cuda.cpp"
#include "kernels/attention_device_plan_cuda.cpp"
#include "kernels/attention_launch.cuh"

#include "attention_cases.h"

namespace {

Tensor on_gpu(const Tensor& x) { return x.to(at::kCUDA); }
IValue on_gpu_if_any(const Tensor& x) { return x.defined() ? IValue(on_gpu(x)) : IValue(); }

Tensor attend_on_gpu(const Case& c, const Tensor& q, const Tensor& k, const Tensor& v) {
    Case there = c;
    for (Tensor Case::*x : {&Case::bias, &Case::lengths, &Case::mask, &Case::documents, &Case::prefix, &Case::slopes, &Case::distance_bias})
        if ((c.*x).defined()) there.*x = on_gpu(c.*x);
    // libtorch's kernels draw other numbers: terms of zero have ours do it
    if (c.dropout > 0 && !c.slopes.defined()) there.slopes = on_gpu(at::zeros({q.size(2)}));
    return there.by_operator(on_gpu(q), on_gpu(k), on_gpu(v)).cpu();
}
Tensor attend_in_emulation(const Case& c, const Tensor& q, const Tensor& k, const Tensor& v) {
    auto given = [](const Tensor& x) { return x.defined() ? Optional(x) : Optional(); };
    tt::AttentionOptions options{given(c.bias), given(c.lengths), given(c.mask), given(c.documents), given(c.prefix), {},
                                 given(c.distance_bias), c.causal, c.window};
    if (c.slopes.defined()) {
        Tensor terms = tt::alibi_terms(c.slopes, q.size(1), k.size(1));
        options.distance_bias = c.distance_bias.defined() ? c.distance_bias + terms : terms;
    }
    options.scale = c.scale.isNone() ? 1 / std::sqrt((double)q.size(3)) : c.scale.toDouble();
    options.soft_cap = c.cap; options.dropout = c.dropout;
    return tt::attention_on_device(q, k, v, options);
}

Tensor attend_pages(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& pages, const Tensor& lengths, int64_t page,
                    const Tensor& bias, int64_t window, double scale, double cap) {
    if (tt_cuda_device_count() < 1) return tt::paged_attention_on_device(q, k, v, pages, lengths, page, bias, window, scale, cap);
    return call("paged_attention", on_gpu(q), on_gpu(k), on_gpu(v), on_gpu(pages), on_gpu(lengths), page, on_gpu_if_any(bias), window,
                scale, cap).cpu();
}

void drops_what_the_cpu_drops() {
    Case c;
    c.dropout = 0.4;
    Tensor there = kept(c, 1, 40, 70, 2);
    auto device = std::exchange(Case::attend, [](const Case& c, const Tensor& q, const Tensor& k, const Tensor& v) {
        return c.by_operator(q, k, v);
    });
    expect("the emulated GPU drops what the CPU drops", kept(c, 1, 40, 70, 2).eq(0).equal(there.eq(0)));
    Case::attend = device;
}

int run(int cases) {
    torch::manual_seed(7);
    const bool gpu = tt_cuda_device_count() > 0;
    std::puts(gpu ? "on a GPU" : "emulated");
    Case::attend = gpu ? attend_on_gpu : attend_in_emulation;
    rows_without_keys_give_zeros();
    if (!gpu) drops_what_the_cpu_drops();   // which has a generator of its own
    Limits limits{2, 130, 200, 2, {at::kFloat, at::kHalf, at::kBFloat16}, false};
    if (gpu) limits.queries = limits.keys = 700;
    for (int i = 0; i < cases; i++) {
        one_case(limits);
        one_paged_case(limits, attend_pages);
    }
    return failures ? 1 : 0;
}

}  // namespace

int main(int count, char** arguments) {
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 1);   // which cuBLAS needs for that
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);   // libtorch's kernels too give the same bits twice
    if (!tt_build_info()) return 1;
    return run(count > 1 ? std::atoi(arguments[1]) : 40);
}
