// What host code asks of CUDA beside tensors, or of the emulation that tests put in its place.
#pragma once
#include "attention_device.h"

#ifdef TT_CUDA_EMULATION
namespace tt {
inline int64_t device_processors() { return 8; }
inline bool seed_from_graph(DeviceAttention&) { return false; }
struct DeviceGuard { explicit DeviceGuard(const at::Tensor&) {} };
}  // namespace tt
#else
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAGuard.h>

namespace tt {
inline int64_t device_processors() { return at::cuda::getCurrentDeviceProperties()->multiProcessorCount; }

// While a graph is captured, the seed is what CUDA's generator gives each replay.
inline bool seed_from_graph(DeviceAttention& a) {
    if (c10::cuda::currentStreamCaptureStatusMayInitCtx() == c10::cuda::CaptureStatus::None) return false;
    auto* generator = at::get_generator_or_default<at::CUDAGeneratorImpl>(std::nullopt, at::cuda::detail::getDefaultCUDAGenerator());
    std::lock_guard<std::mutex> lock(generator->mutex_);
    const at::PhiloxCudaState state = generator->philox_cuda_state(4);
    if (!state.captured_) return false;
    a.seed_at = state.seed_.ptr; a.offset_at = state.offset_.ptr; a.seed = state.offset_intragraph_;
    return true;
}
struct DeviceGuard {
    c10::cuda::CUDAGuard guard;
    explicit DeviceGuard(const at::Tensor& x) : guard(x.device()) {}
};
}  // namespace tt
#endif
