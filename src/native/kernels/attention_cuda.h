// Attention on CUDA: libtorch's flash kernel where it knows the case, ours for what it does not.
#pragma once
#include "operators.h"

namespace tt {

// Whether our kernels for GPUs take it: float32, float16 and bfloat16, head sizes to 256.
bool on_device_kernels(const at::Tensor& query);
// Ours. What may differ in type or device is brought to query's; nothing waits for the device.
at::Tensor attention_on_device(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const AttentionOptions& options);
at::Tensor paged_attention_on_device(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, const at::Tensor& pages,
                                     const at::Tensor& lengths, int64_t page, const OptionalTensor& bias, int64_t window, double scale,
                                     double soft_cap);

// What keeps libtorch's kernel without a (Tq, Tk) tensor from running on CUDA; null where it runs.
const char* why_not_libtorch(const at::Tensor& query, const at::Tensor& key, const AttentionOptions& options);
at::Tensor attention_by_libtorch(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const AttentionOptions& options);

}  // namespace tt
