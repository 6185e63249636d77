// What an attention call asks for, and what the kernels are told about it.
#pragma once
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/ivalue.h>

#include "operators.h"

namespace tt {

// Holds the memory that its shape points to; kept for backward.
struct AttentionPlan : torch::CustomClassHolder {
    AttentionShape shape;
    std::vector<int32_t> first_key, end_key;
    at::Tensor key_terms, documents, block_documents, prefix, distance_bias, bias;

    AttentionPlan(const at::Tensor& query, const at::Tensor& key, const AttentionOptions& options);

    // Shares out the blocks of each head's queries so that every thread has some: their bounds, which hold about equal work.
    std::vector<int64_t> pieces(int64_t block, int64_t tasks_per_thread) const;

    // Where rows of terms by distance (H, distances) are defined: with margins of zeros.
    at::Tensor with_margins(const at::Tensor& by_distance) const;

private:
    void bound_keys(const at::Tensor& lengths, const at::Tensor& mask);
    void bound_documents();
};

inline HeadsView heads_of(const at::Tensor& x) { return {x.data_ptr(), x.stride(0), x.stride(1), x.stride(2)}; }
inline at::Tensor rows(const at::Tensor& x) { return x.stride(-1) == 1 || x.size(-1) == 1 ? x : x.contiguous(); }

// Few queries against many keys, which are read where they lie.
void run_rows(const AttentionForward& forward, const KeyPages& pages);

// ALiBi's terms by distance (H, Tq + Tk - 1), from slopes (H).
inline at::Tensor alibi_terms(const at::Tensor& slopes, int64_t Tq, int64_t Tk) {
    at::Tensor rates = slopes.scalar_type() == at::kDouble ? slopes : slopes.to(at::kFloat);
    return rates.unsqueeze(1) * ((Tq - 1) - at::arange(Tq + Tk - 1, rates.options()));
}

// Weights whose random number of 16 bits is less are dropped; what the others are multiplied by.
inline uint32_t drop_below(double dropout) { return (uint32_t)std::min(65536.0, std::round(dropout * 65536)); }
inline float keep_scale(uint32_t below) { return below < 65536 ? 65536.0f / (65536 - below) : 0; }
// A number for each call, from the generator that torch.manual_seed sets.
inline uint64_t draw_seed() {
    at::Generator generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard<std::mutex> lock(generator.mutex());
    return at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
}

}  // namespace tt
