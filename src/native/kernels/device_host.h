// What host code asks of CUDA beside tensors, or of the emulation that tests put in its place.
#pragma once
#include "attention_device.h"

#ifdef TT_CUDA_EMULATION
#include "attention_plan.h"

namespace tt {
inline int64_t device_processors() { return 8; }
inline void take_seed(DeviceAttention& a) { a.seed = draw_seed(); }
struct DeviceGuard { explicit DeviceGuard(const at::Tensor&) {} };
}  // namespace tt
#else
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <c10/cuda/CUDAGuard.h>

namespace tt {
inline int64_t device_processors() { return at::cuda::getCurrentDeviceProperties()->multiProcessorCount; }

// From CUDA's generator: a graph's replay draws what the same work by itself would.
inline void take_seed(DeviceAttention& a) {
    auto* generator = at::get_generator_or_default<at::CUDAGeneratorImpl>(std::nullopt, at::cuda::detail::getDefaultCUDAGenerator());
    std::lock_guard<std::mutex> lock(generator->mutex_);
    const at::PhiloxCudaState state = generator->philox_cuda_state(4);
    if (state.captured_) {
        a.seed_at = state.seed_.ptr; a.offset_at = state.offset_.ptr; a.offset = state.offset_intragraph_;
    } else {
        a.seed = state.seed_.val; a.offset = state.offset_.val;
    }
}
struct DeviceGuard {
    c10::cuda::CUDAGuard guard;
    explicit DeviceGuard(const at::Tensor& x) : guard(x.device()) {}
};
}  // namespace tt
#endif
