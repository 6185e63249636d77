// What kernels for GPUs are written in: CUDA, or, where TT_CUDA_EMULATION is defined, an emulation of it on the CPU, in which tests hold
// the same kernels to mathematics without a GPU. Below it, what both have: conversions, sums over lanes, and the launch.
#pragma once
#include <cstdint>
#include <type_traits>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#ifdef TT_CUDA_EMULATION
#include "cuda_emulation.h"
#else
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "device_ptx.cuh"
#endif

namespace tt::device {

using c10::BFloat16;
using c10::Half;

constexpr int WarpSize = 32;
constexpr unsigned AllLanes = 0xffffffffu;

template <class T> __device__ __forceinline__ float to_float(T x) { return static_cast<float>(x); }
template <class T> __device__ __forceinline__ T from_float(float x) { return static_cast<T>(x); }

// Over the lanes of a warp; every lane gets the result. Width: of groups of so many neighbours, a power of two.
template <int Width = WarpSize> __device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
    for (int other = Width / 2; other > 0; other /= 2) x += __shfl_xor_sync(AllLanes, x, other);
    return x;
}
template <int Width = WarpSize> __device__ __forceinline__ float warp_max(float x) {
#pragma unroll
    for (int other = Width / 2; other > 0; other /= 2) x = fmaxf(x, __shfl_xor_sync(AllLanes, x, other));
    return x;
}

// Over the threads of a block, warps * 32 of them; every thread gets the result. room: 33 floats of shared memory, free again after.
__device__ __forceinline__ float block_sum(float x, float* room) {
    const int lane = threadIdx.x % WarpSize, warp = threadIdx.x / WarpSize, warps = blockDim.x / WarpSize;
    x = warp_sum(x);
    if (lane == 0) room[warp] = x;
    __syncthreads();
    if (warp == 0) {
        float total = warp_sum(lane < warps ? room[lane] : 0.0f);
        if (lane == 0) room[WarpSize] = total;
    }
    __syncthreads();
    x = room[WarpSize];
    __syncthreads();
    return x;
}

#ifndef TT_CUDA_EMULATION
// The dynamic shared memory of a block, which kernels share out themselves.
template <class T> __device__ __forceinline__ T* dynamic_shared() {
    extern __shared__ __align__(16) unsigned char memory[];
    return reinterpret_cast<T*>(memory);
}

// On the current stream of the current device, which the caller has guarded; nothing waits, so it can be captured in a graph.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, Arguments... arguments) {
    if (shared > 48 * 1024)   // more has to be asked for, on each device
        C10_CUDA_CHECK(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                            static_cast<int>(shared)));
    kernel<<<grid, block, shared, at::cuda::getCurrentCUDAStream()>>>(arguments...);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
}

// Has what follows run on x's device.
using DeviceGuard = c10::cuda::OptionalCUDAGuard;
#endif

}  // namespace tt::device
