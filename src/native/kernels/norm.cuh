// Layer norm (Ba et al. 2016) and RMS norm (Zhang and Sennrich 2019) on a GPU: a warp to a row, or a block to a wide one. A row is read
// once and stays in registers; sums in fp32.
#pragma once
#include "kernels.h"
#include "vectors.cuh"

namespace tt::device {

constexpr int NormThreads = 256;
constexpr int64_t WidestNorm = 8 * 4 * NormThreads;

template <bool Wide> __device__ __forceinline__ float row_sum(float x, float* room) {
    if constexpr (Wide) return block_sum(x, room);
    else return warp_sum(x);
}

// Items: fours of a row that a lane holds.
template <class T, int Items, bool Wide>
__global__ void __launch_bounds__(NormThreads) norm_forward_kernel(NormView a, const T* x, const void* added, T* total, T* y, float* mean,
                                                                   float* rstd, int64_t rows, bool aligned) {
    __shared__ float room[WarpSize + 1];
    constexpr int Lanes = Wide ? NormThreads : WarpSize;
    const int lane = threadIdx.x % Lanes;
    const int64_t n = a.width, row = static_cast<int64_t>(blockIdx.x) * (NormThreads / Lanes) + threadIdx.x / Lanes;
    if (row >= rows) return;   // whole warps
    float v[Items][4], sum = 0;
#pragma unroll
    for (int k = 0; k < Items; k++) {
        const int64_t at = (static_cast<int64_t>(k) * Lanes + lane) * 4, left = n - at;
        load4(x + row * n + at, left, aligned, v[k]);
        if (added) {
            float u[4];
            load4(a.added_type, added, row * n + at, left, aligned, u);
#pragma unroll
            for (int i = 0; i < 4; i++) v[k][i] = to_float(from_float<T>(v[k][i] + u[i]));   // what is normed is what is written
            store4(total + row * n + at, left, aligned, v[k]);
        }
#pragma unroll
        for (int i = 0; i < 4; i++) sum += v[k][i];
    }
    const float centre = a.centred ? row_sum<Wide>(sum, room) / n : 0.0f;
    float squares = 0;
#pragma unroll
    for (int k = 0; k < Items; k++) {
        const int64_t left = n - (static_cast<int64_t>(k) * Lanes + lane) * 4;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float d = i < left ? v[k][i] - centre : 0.0f;
            squares += d * d;
        }
    }
    const float scale = 1.0f / sqrtf(row_sum<Wide>(squares, room) / n + a.eps);
    if (lane == 0) {
        rstd[row] = scale;
        if (a.centred) mean[row] = centre;
    }
#pragma unroll
    for (int k = 0; k < Items; k++) {
        const int64_t at = (static_cast<int64_t>(k) * Lanes + lane) * 4, left = n - at;
        float w[4] = {1, 1, 1, 1}, b[4] = {};
        if (a.weight) load4(a.weight + at, left, aligned, w);
        if (a.bias) load4(a.bias + at, left, aligned, b);
#pragma unroll
        for (int i = 0; i < 4; i++) v[k][i] = (v[k][i] - centre) * scale * w[i] + b[i];
        store4(y + row * n + at, left, aligned, v[k]);
    }
}

// With u the normalised row and w = weight * dy: dx = rstd (w - mean(w) - u mean(w u)) + passed; RMS norm has no mean(w). Each warp or
// block goes through rows `parts` apart and leaves its own sums for weight and bias: (parts, width).
template <class T, int Items, bool Wide>
__global__ void __launch_bounds__(NormThreads) norm_backward_kernel(NormView a, const T* x, const T* dy, const T* passed, const float* mean,
                                                                    const float* rstd, T* dx, float* dweight, float* dbias, int64_t rows,
                                                                    int64_t parts, bool aligned) {
    __shared__ float room[WarpSize + 1];
    constexpr int Lanes = Wide ? NormThreads : WarpSize;
    const int lane = threadIdx.x % Lanes;
    const int64_t n = a.width, part = static_cast<int64_t>(blockIdx.x) * (NormThreads / Lanes) + threadIdx.x / Lanes;
    if (part >= parts) return;   // whole warps
    float dw[Items][4] = {}, db[Items][4] = {};
    for (int64_t row = part; row < rows; row += parts) {
        const float centre = a.centred ? mean[row] : 0.0f, scale = rstd[row];
        float u[Items][4], w[Items][4], first = 0, second = 0;
#pragma unroll
        for (int k = 0; k < Items; k++) {
            const int64_t at = (static_cast<int64_t>(k) * Lanes + lane) * 4, left = n - at;
            float weight[4] = {1, 1, 1, 1};
            load4(x + row * n + at, left, aligned, u[k]);
            load4(dy + row * n + at, left, aligned, w[k]);   // past the end 0, and so is all that follows from it
            if (a.weight) load4(a.weight + at, left, aligned, weight);
#pragma unroll
            for (int i = 0; i < 4; i++) {
                u[k][i] = (u[k][i] - centre) * scale;
                dw[k][i] += w[k][i] * u[k][i];
                db[k][i] += w[k][i];
                w[k][i] *= weight[i];
                first += w[k][i];
                second += w[k][i] * u[k][i];
            }
        }
        const float shift = a.centred ? row_sum<Wide>(first, room) / n : 0.0f, slope = row_sum<Wide>(second, room) / n;
#pragma unroll
        for (int k = 0; k < Items; k++) {
            const int64_t at = (static_cast<int64_t>(k) * Lanes + lane) * 4, left = n - at;
            float d[4], more[4] = {};
            if (passed) load4(passed + row * n + at, left, aligned, more);
#pragma unroll
            for (int i = 0; i < 4; i++) d[i] = (w[k][i] - shift - u[k][i] * slope) * scale + more[i];
            store4(dx + row * n + at, left, aligned, d);
        }
    }
#pragma unroll
    for (int k = 0; k < Items; k++) {
        const int64_t at = (static_cast<int64_t>(k) * Lanes + lane) * 4, left = n - at;
        if (dweight) store4(dweight + part * n + at, left, aligned, dw[k]);
        if (dbias) store4(dbias + part * n + at, left, aligned, db[k]);
    }
}

// Calls what follows with how a row of this width is held.
#define TT_BY_WIDTH(width, Items, Wide, ...)                                                                                     \
    if ((width) <= 256) { constexpr int Items = 2; constexpr bool Wide = false; __VA_ARGS__; }                                   \
    else if ((width) <= 512) { constexpr int Items = 4; constexpr bool Wide = false; __VA_ARGS__; }                              \
    else if ((width) <= 768) { constexpr int Items = 6; constexpr bool Wide = false; __VA_ARGS__; }                              \
    else if ((width) <= 1024) { constexpr int Items = 8; constexpr bool Wide = false; __VA_ARGS__; }                             \
    else if ((width) <= 4096) { constexpr int Items = 4; constexpr bool Wide = true; __VA_ARGS__; }                              \
    else { constexpr int Items = 8; constexpr bool Wide = true; __VA_ARGS__; }

inline int64_t rows_of_block(int64_t width) { return width <= 1024 ? NormThreads / WarpSize : 1; }

inline void norm_forward(const NormView& a, const void* x, const void* added, void* total, void* y, float* mean, float* rstd,
                         int64_t rows) {
    if (rows == 0) return;
    const bool aligned = a.width % 4 == 0 && on_boundaries(x, added, total, y, a.weight, a.bias);
    const dim3 grid = blocks_for(rows, rows_of_block(a.width));
    TT_BY_DEVICE_TYPE(a.type, T, TT_BY_WIDTH(a.width, Items, Wide,
        launch(norm_forward_kernel<T, Items, Wide>, grid, NormThreads, 0, a, static_cast<const T*>(x), added, static_cast<T*>(total),
               static_cast<T*>(y), mean, rstd, rows, aligned)))
}
inline int64_t norm_parts(int64_t width, int64_t rows) { return std::max<int64_t>(1, std::min<int64_t>(rows, width <= 1024 ? 2048 : 512)); }
inline void norm_backward(const NormView& a, const void* x, const void* dy, const void* passed, const float* mean, const float* rstd,
                          void* dx, float* dweight, float* dbias, int64_t rows, int64_t parts) {
    const bool aligned = a.width % 4 == 0 && on_boundaries(x, dy, passed, dx, a.weight, dweight, dbias);
    const dim3 grid = blocks_for(parts, rows_of_block(a.width));
    TT_BY_DEVICE_TYPE(a.type, T, TT_BY_WIDTH(a.width, Items, Wide,
        launch(norm_backward_kernel<T, Items, Wide>, grid, NormThreads, 0, a, static_cast<const T*>(x), static_cast<const T*>(dy),
               static_cast<const T*>(passed), mean, rstd, static_cast<T*>(dx), dweight, dbias, rows, parts, aligned)))
}

}  // namespace tt::device
