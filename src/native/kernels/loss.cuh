// Softmax cross-entropy by rows on a GPU, a block to a row, which is read twice: label smoothing, z-loss (PaLM, 2022, 5), soft cap
// (Gemma 2, 2024). The gradient takes the logits' place.
#pragma once
#include "kernels.h"
#include "vectors.cuh"

namespace tt::device {

constexpr int LossThreads = 512;

__device__ __forceinline__ float block_max(float x, float* room) {
    const int lane = threadIdx.x % WarpSize, warp = threadIdx.x / WarpSize, warps = blockDim.x / WarpSize;
    x = warp_max(x);
    if (lane == 0) room[warp] = x;
    __syncthreads();
    x = warp_max(lane < warps ? room[lane] : -INFINITY);
    __syncthreads();
    return x;
}

// `stride`: between rows of logits. A target outside [0, width) that is not ignored makes the loss NaN.
template <class T>
__global__ void __launch_bounds__(LossThreads) cross_entropy_kernel(LossOptions o, T* logits, int64_t stride, int64_t width,
                                                                    const int64_t* targets, float* losses, bool wants_gradient,
                                                                    bool aligned) {
    __shared__ float room[WarpSize + 1];
    const int64_t row = blockIdx.x, target = targets[row];
    const bool counts = target != o.ignore_index, valid = target >= 0 && target < width;
    T* x = logits + row * stride;
    if (!counts || !valid) {   // all threads alike
        if (threadIdx.x == 0) losses[row] = counts ? NAN : 0.0f;
        const float nothing[4] = {};
        for (int64_t at = threadIdx.x * 4; at < width && wants_gradient; at += LossThreads * 4)
            store4(x + at, width - at, aligned, nothing);
        return;
    }
    const float smoothing = static_cast<float>(o.label_smoothing), z_loss = static_cast<float>(o.z_loss),
                cap = static_cast<float>(o.soft_cap);
    auto capped = [cap](float v) { return cap > 0 ? cap * tanhf(v / cap) : v; };
    float highest = -INFINITY, total = 0, plain = 0;
    for (int64_t at = threadIdx.x * 4; at < width; at += LossThreads * 4) {
        float v[4];
        load4(x + at, width - at, aligned, v);
        float most = highest;
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (at + i < width) {
                v[i] = capped(v[i]);
                plain += v[i];
                most = fmaxf(most, v[i]);
            }
        if (most == -INFINITY) continue;
        total *= expf(highest - most);
        highest = most;
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (at + i < width) total += expf(v[i] - most);
    }
    const float m = block_max(highest, room), own = highest == -INFINITY ? 0.0f : total * expf(highest - m);
    const float lse = m + logf(block_sum(own, room)), smooth = smoothing / width;
    const float at_target = capped(to_float(x[target]));
    const float sum = smoothing > 0 ? block_sum(plain, room) : 0.0f;
    if (threadIdx.x == 0) losses[row] = lse - (1 - smoothing) * at_target + z_loss * lse * lse - smooth * sum;
    if (!wants_gradient) return;
    __syncthreads();   // before anyone writes over the target's score
    const float weight = 1 + 2 * z_loss * lse;
    for (int64_t at = threadIdx.x * 4; at < width; at += LossThreads * 4) {
        float v[4];
        load4(x + at, width - at, aligned, v);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float score = capped(v[i]), slope = cap > 0 ? 1 - score / cap * (score / cap) : 1.0f;
            v[i] = (weight * expf(score - lse) - smooth - (at + i == target ? 1 - smoothing : 0.0f)) * slope;
        }
        store4(x + at, width - at, aligned, v);
    }
}
inline void cross_entropy(const LossOptions& o, Type type, void* logits, int64_t stride, int64_t rows, int64_t width,
                          const int64_t* targets, float* losses, bool wants_gradient) {
    if (rows == 0) return;
    const bool aligned = stride % 4 == 0 && on_boundaries(logits);
    TT_BY_DEVICE_TYPE(type, T, launch(cross_entropy_kernel<T>, dim3(static_cast<unsigned>(rows)), LossThreads, 0, o,
                                      static_cast<T*>(logits), stride, width, targets, losses, wants_gradient, aligned))
}

}  // namespace tt::device
