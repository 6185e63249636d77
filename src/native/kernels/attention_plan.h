// What an attention call asks for, and what the kernels are told about it.
#pragma once
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

HeadsView heads_of(const at::Tensor& x);

// ALiBi's terms by distance (H, Tq + Tk - 1), from slopes (H).
at::Tensor alibi_terms(const at::Tensor& slopes, int64_t Tq, int64_t Tk);

}  // namespace tt
