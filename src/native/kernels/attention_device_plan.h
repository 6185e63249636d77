// What an attention call asks for, as the kernels for GPUs are told it. Nothing of it is read by the host.
#pragma once
#include "attention_device.h"
#include "attention_plan.h"

namespace tt {

// Holds the memory that `attention` points to; kept for backward.
struct DevicePlan : torch::CustomClassHolder {
    DeviceAttention attention;
    at::Tensor prefix, ends, distance_bias, bias, key_codes, query_codes, key_blocks, query_blocks;
    std::vector<int64_t> bias_sizes;   // four

    DevicePlan(const at::Tensor& query, const at::Tensor& key, const AttentionOptions& options);
    void split_keys(int64_t key_block);

private:
    void take_codes(const AttentionOptions& options, const at::Device& device);
    void take_bias(const at::Tensor& given);
    void take_dropout(double dropout);
};

// Whether every row of x begins at a multiple of 16 bytes and is whole 16 bytes long.
bool in_vectors(const at::Tensor& x);

// f(T()) for the element type of x.
template <class F> void by_element(const at::Tensor& x, const F& f) {
    if (x.scalar_type() == at::kFloat) f(float());
    else if (x.scalar_type() == at::kHalf) f(c10::Half());
    else f(c10::BFloat16());
}

}  // namespace tt
