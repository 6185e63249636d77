// Optimizers' steps and the gradient norm on a GPU: tensors in tables that travel with the launch, so that a hundred and more take a few
// launches and no copy. Arithmetic as in optimizer.inl; clipping's factor stays on the device.
#pragma once
#include "kernels.h"
#include "vectors.cuh"

namespace tt::device {

constexpr int UpdateThreads = 256, TableSize = 48;
constexpr int64_t UpdateChunk = 1 << 14;   // elements of a block

struct UpdateTable {
    UpdateView views[TableSize];
    unsigned ends[TableSize];   // blocks up to and with each tensor
};
static_assert(sizeof(UpdateTable) <= 3840, "parameters of a kernel are 4 KB at most");

// What this block works on, and its first element.
__device__ __forceinline__ const UpdateView& share_of(const UpdateTable& table, int64_t& first) {
    int i = 0;
    while (blockIdx.x >= table.ends[i]) i++;
    first = static_cast<int64_t>(blockIdx.x - (i ? table.ends[i - 1] : 0)) * UpdateChunk;
    return table.views[i];
}

struct AdamwStep {
    AdamwOptions o;
    __device__ float operator()(float w, float g, float& first, float& second) const {
        first += (g - first) * o.rest1;
        second = second * o.beta2 + g * g * o.rest2;
        return w * o.keep - first * o.rate / (sqrtf(second) * o.root + o.eps);
    }
};
struct LionStep {
    LionOptions o;
    __device__ float operator()(float w, float g, float& first, float&) const {
        const float turn = first * o.beta1 + g * o.rest1;
        first = first * o.beta2 + g * o.rest2;
        return w * o.keep - (turn > 0 ? 1.0f : turn < 0 ? -1.0f : turn) * o.rate;   // zero stays zero, a NaN shows
    }
};
struct SgdStep {
    SgdOptions o;
    bool has_momentum;
    __device__ float operator()(float w, float g, float& first, float&) const {
        g += w * o.weight_decay;
        if (has_momentum) {
            first = first * o.momentum + g * o.share;
            g = o.nesterov ? g + first * o.momentum : first;
        }
        return w - g * o.rate;
    }
};

template <class Step>
__global__ void __launch_bounds__(UpdateThreads) update_kernel(const __grid_constant__ UpdateTable table, Step step,
                                                               const float* grad_scale) {
    int64_t begin;
    const UpdateView& v = share_of(table, begin);
    const float scale = grad_scale ? *grad_scale : 1.0f;
    const bool aligned = on_boundaries(v.param, v.halves, v.grad, v.first, v.second);
    const int64_t end = begin + UpdateChunk < v.n ? begin + UpdateChunk : v.n;
    for (int64_t at = begin + threadIdx.x * 4; at < end; at += UpdateThreads * 4) {
        const int64_t left = end - at;
        float w[4], g[4], first[4] = {}, second[4] = {};
        load4(v.grad_type, v.grad, at, left, aligned, g);
        if (v.first) load4(v.first + at, left, aligned, first);
        if (v.second) load4(v.second + at, left, aligned, second);
        if (v.halves) {   // value = (bits << 16) + half
#pragma unroll
            for (int i = 0; i < 4; i++)
                w[i] = i < left ? __uint_as_float((static_cast<unsigned>(static_cast<const uint16_t*>(v.param)[at + i]) << 16)
                                                  + static_cast<unsigned>(static_cast<int>(v.halves[at + i]))) : 0.0f;
        } else {
            load4(v.param_type, v.param, at, left, aligned, w);
        }
#pragma unroll
        for (int i = 0; i < 4; i++) w[i] = step(w[i], g[i] * scale, first[i], second[i]);
        if (v.first) store4(v.first + at, left, aligned, first);
        if (v.second) store4(v.second + at, left, aligned, second);
        if (v.halves) {
#pragma unroll
            for (int i = 0; i < 4; i++)
                if (i < left) {
                    const unsigned bits = __float_as_uint(w[i]);
                    static_cast<uint16_t*>(v.param)[at + i] = static_cast<uint16_t>((bits + 0x8000u) >> 16);
                    v.halves[at + i] = static_cast<int16_t>(bits & 0xffffu);
                }
        } else {
            store4(v.param_type, v.param, at, left, aligned, w);
        }
    }
}

// Sums of squares, one a block, behind each other in `sums`.
__global__ void __launch_bounds__(UpdateThreads) squares_kernel(const __grid_constant__ UpdateTable table, float* sums) {
    __shared__ float room[WarpSize + 1];
    int64_t begin;
    const UpdateView& v = share_of(table, begin);
    const bool aligned = on_boundaries(v.grad);
    const int64_t end = begin + UpdateChunk < v.n ? begin + UpdateChunk : v.n;
    float sum = 0;
    for (int64_t at = begin + threadIdx.x * 4; at < end; at += UpdateThreads * 4) {
        float g[4];
        load4(v.grad_type, v.grad, at, end - at, aligned, g);
#pragma unroll
        for (int i = 0; i < 4; i++) sum += g[i] * g[i];
    }
    sum = block_sum(sum, room);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}
// The root of their sum: one block, in double, always in the same order.
__global__ void __launch_bounds__(UpdateThreads) root_kernel(const float* sums, int64_t count, float* norm) {
    __shared__ double room[UpdateThreads];
    double sum = 0;
    for (int64_t i = threadIdx.x; i < count; i += UpdateThreads) sum += sums[i];
    room[threadIdx.x] = sum;
    for (int half = UpdateThreads / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) room[threadIdx.x] += room[threadIdx.x + half];
    }
    if (threadIdx.x == 0) *norm = static_cast<float>(sqrt(room[0]));
}

inline int64_t chunks_of(int64_t n) { return (n + UpdateChunk - 1) / UpdateChunk; }

// f(table, blocks) for as many tables as the views take; those without elements are left out.
template <class F> void over_tables(const UpdateView* views, int64_t count, const F& f) {
    UpdateTable table;
    int size = 0;
    unsigned blocks = 0;
    for (int64_t i = 0; i < count; i++) {
        if (views[i].n > 0) {
            table.views[size] = views[i];
            table.ends[size++] = blocks += static_cast<unsigned>(chunks_of(views[i].n));
        }
        if (size == TableSize || (i + 1 == count && size > 0)) {
            f(table, blocks);
            size = 0;
            blocks = 0;
        }
    }
}
template <class Step> void update(const UpdateView* views, int64_t count, const Step& step, const float* grad_scale) {
    over_tables(views, count, [&](const UpdateTable& table, unsigned blocks) {
        launch(update_kernel<Step>, dim3(blocks), UpdateThreads, 0, table, step, grad_scale);
    });
}
inline void adamw(const AdamwOptions& o, const UpdateView* views, int64_t count, const float* grad_scale) {
    update(views, count, AdamwStep{o}, grad_scale);
}
inline void lion(const LionOptions& o, const UpdateView* views, int64_t count, const float* grad_scale) {
    update(views, count, LionStep{o}, grad_scale);
}
inline void sgd(const SgdOptions& o, const UpdateView* views, int64_t count, const float* grad_scale) {
    update(views, count, SgdStep{o, count > 0 && views[0].first != nullptr}, grad_scale);
}
// sums: norm_room(views, count) floats.
inline int64_t norm_room(const UpdateView* views, int64_t count) {
    int64_t chunks = 0;
    for (int64_t i = 0; i < count; i++) chunks += chunks_of(views[i].n);
    return chunks;
}
inline void gradient_norm(const UpdateView* views, int64_t count, float* sums, float* norm) {
    int64_t done = 0;
    over_tables(views, count, [&](const UpdateTable& table, unsigned blocks) {
        launch(squares_kernel, dim3(blocks), UpdateThreads, 0, table, sums + done);
        done += blocks;
    });
    launch(root_kernel, dim3(1), UpdateThreads, 0, static_cast<const float*>(sums), done, norm);
}

}  // namespace tt::device
