// Activations, plain and gated, and rotary position embedding on a GPU: a thread to four elements.
#pragma once
#include "kernels.h"
#include "vectors.cuh"

namespace tt::device {

constexpr int ElementThreads = 256;

// The factor that multiplies x, and its derivative times x: f'(x) = factor + slope. Sources as in elementwise.inl.
struct Gate { float factor, slope; };
template <Activation A> __device__ __forceinline__ Gate gate(float x) {
    if constexpr (A == Activation::gelu) {
        return {0.5f * erfcf(x * -0.7071067812f), x * 0.3989422804f * expf(-0.5f * x * x)};
    } else if constexpr (A == Activation::gelu_tanh) {
        const float k = 0.7978845608f, c = 0.044715f, square = x * x;
        const float sigmoid = 1.0f / (1.0f + expf(-2.0f * k * x * (1.0f + c * square)));
        return {sigmoid, x * sigmoid * (1.0f - sigmoid) * (2.0f * k) * (1.0f + 3.0f * c * square)};
    } else if constexpr (A == Activation::silu) {
        const float sigmoid = 1.0f / (1.0f + expf(-x));
        return {sigmoid, x * sigmoid * (1.0f - sigmoid)};
    } else {
        return {x > 0 ? 1.0f : 0.0f, 0.0f};
    }
}

// The function's value; an infinity times nothing would be no number.
template <Activation A> __device__ __forceinline__ float activated(float x, const Gate& g) {
    if (A == Activation::relu) return x > 0 ? x : x == x ? 0.0f : x;
    return x * g.factor;
}

// x (rows, width), gated (rows, 2 width) of which the second half multiplies -> y (rows, width)
template <class T, Activation A>
__global__ void activation_kernel(const T* x, T* y, int64_t rows, int64_t width, bool gated, bool aligned) {
    const int64_t across = (width + 3) / 4, i = static_cast<int64_t>(blockIdx.x) * ElementThreads + threadIdx.x;
    if (i >= rows * across) return;
    const int64_t row = i / across, at = i % across * 4, left = width - at;
    const T* from = x + row * width * (gated ? 2 : 1) + at;
    float v[4], up[4] = {1, 1, 1, 1};
    load4(from, left, aligned, v);
    if (gated) load4(from + width, left, aligned, up);
#pragma unroll
    for (int k = 0; k < 4; k++) v[k] = activated<A>(v[k], gate<A>(v[k])) * up[k];
    store4(y + row * width + at, left, aligned, v);
}
template <class T, Activation A>
__global__ void activation_backward_kernel(const T* x, const T* dy, T* dx, int64_t rows, int64_t width, bool gated, bool aligned) {
    const int64_t across = (width + 3) / 4, i = static_cast<int64_t>(blockIdx.x) * ElementThreads + threadIdx.x;
    if (i >= rows * across) return;
    const int64_t row = i / across, at = i % across * 4, left = width - at, first = row * width * (gated ? 2 : 1) + at;
    float v[4], up[4] = {1, 1, 1, 1}, d[4], dup[4];
    load4(x + first, left, aligned, v);
    if (gated) load4(x + first + width, left, aligned, up);
    load4(dy + row * width + at, left, aligned, d);
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const Gate g = gate<A>(v[k]);
        dup[k] = d[k] * activated<A>(v[k], g);
        d[k] *= up[k] * (g.factor + g.slope);
    }
    store4(dx + first, left, aligned, d);
    if (gated) store4(dx + first + width, left, aligned, dup);
}

#define TT_BY_DEVICE_ACTIVATION(activation, A, ...)                                                            \
    switch (activation) {                                                                                      \
        case Activation::gelu: { constexpr Activation A = Activation::gelu; __VA_ARGS__; break; }              \
        case Activation::gelu_tanh: { constexpr Activation A = Activation::gelu_tanh; __VA_ARGS__; break; }    \
        case Activation::silu: { constexpr Activation A = Activation::silu; __VA_ARGS__; break; }              \
        case Activation::relu: { constexpr Activation A = Activation::relu; __VA_ARGS__; break; }              \
    }
inline void activation(Type type, Activation activation, const void* x, void* y, int64_t rows, int64_t width, bool gated) {
    const int64_t fours = rows * ((width + 3) / 4);
    if (fours == 0) return;
    const bool aligned = width % 4 == 0 && on_boundaries(x, y);
    TT_BY_DEVICE_TYPE(type, T, TT_BY_DEVICE_ACTIVATION(activation, A,
        launch(activation_kernel<T, A>, blocks_for(fours, ElementThreads), ElementThreads, 0, static_cast<const T*>(x), static_cast<T*>(y),
               rows, width, gated, aligned)))
}
inline void activation_backward(Type type, Activation activation, const void* x, const void* dy, void* dx, int64_t rows, int64_t width,
                                bool gated) {
    const int64_t fours = rows * ((width + 3) / 4);
    if (fours == 0) return;
    const bool aligned = width % 4 == 0 && on_boundaries(x, dy, dx);
    TT_BY_DEVICE_TYPE(type, T, TT_BY_DEVICE_ACTIVATION(activation, A,
        launch(activation_backward_kernel<T, A>, blocks_for(fours, ElementThreads), ElementThreads, 0, static_cast<const T*>(x),
               static_cast<const T*>(dy), static_cast<T*>(dx), rows, width, gated, aligned)))
}

// A thread turns four pairs of a head, from x to y, which may be x, or copies four of the features that are not turned.
template <class T>
__global__ void rotary_kernel(RotaryView a, const T* x, const float* cos, const float* sin, T* y, int64_t heads, bool aligned) {
    const int64_t half = a.R / 2, turns = (half + 3) / 4, each = turns + (a.D - a.R + 3) / 4;
    const int64_t i = static_cast<int64_t>(blockIdx.x) * ElementThreads + threadIdx.x;
    if (i >= heads * each) return;
    const int64_t head = i / each, h = head % a.H, t = head / a.H % a.T, b = head / a.H / a.T, item = i % each;
    const T* from = x + b * a.x_batch + t * a.x_time + h * a.x_head;
    T* to = y + b * a.y_batch + t * a.y_time + h * a.y_head;
    float u[4], v[4];
    if (item >= turns) {
        const int64_t at = a.R + (item - turns) * 4;
        load4(from + at, a.D - at, aligned, u);
        store4(to + at, a.D - at, aligned, u);
        return;
    }
    const int64_t at = item * 4, left = half - at, angle = b * a.angle_batch + t * a.angle_time + at;
    float c[4], s[4];
    load4(cos + angle, left, aligned, c);
    load4(sin + angle, left, aligned, s);
    const float sign = a.inverse ? -1.0f : 1.0f;
    if (a.interleaved) {
        load4(from + 2 * at, 2 * left, aligned, u);   // pairs 0 and 1, then 2 and 3
        load4(from + 2 * at + 4, 2 * left - 4, aligned, v);
        float first[4], second[4];
#pragma unroll
        for (int k = 0; k < 2; k++) {
            first[2 * k] = u[2 * k] * c[k] - u[2 * k + 1] * s[k] * sign;
            first[2 * k + 1] = u[2 * k + 1] * c[k] + u[2 * k] * s[k] * sign;
            second[2 * k] = v[2 * k] * c[2 + k] - v[2 * k + 1] * s[2 + k] * sign;
            second[2 * k + 1] = v[2 * k + 1] * c[2 + k] + v[2 * k] * s[2 + k] * sign;
        }
        store4(to + 2 * at, 2 * left, aligned, first);
        store4(to + 2 * at + 4, 2 * left - 4, aligned, second);
        return;
    }
    load4(from + at, left, aligned, u);
    load4(from + half + at, left, aligned, v);
    float first[4], second[4];
#pragma unroll
    for (int k = 0; k < 4; k++) {
        first[k] = u[k] * c[k] - v[k] * s[k] * sign;
        second[k] = v[k] * c[k] + u[k] * s[k] * sign;
    }
    store4(to + at, left, aligned, first);
    store4(to + half + at, left, aligned, second);
}
inline void rotary(const RotaryView& a, const void* x, const float* cos, const float* sin, void* y, int64_t batch) {
    const int64_t heads = batch * a.T * a.H, fours = heads * ((a.R / 2 + 3) / 4 + (a.D - a.R + 3) / 4);
    if (fours == 0) return;
    const bool aligned = a.R % 8 == 0 && a.D % 4 == 0 && a.x_batch % 4 == 0 && a.x_time % 4 == 0 && a.x_head % 4 == 0
                         && a.y_batch % 4 == 0 && a.y_time % 4 == 0 && a.y_head % 4 == 0
                         && a.angle_batch % 4 == 0 && a.angle_time % 4 == 0 && on_boundaries(x, y, cos, sin);
    TT_BY_DEVICE_TYPE(a.type, T, launch(rotary_kernel<T>, blocks_for(fours, ElementThreads), ElementThreads, 0, a, static_cast<const T*>(x),
                                        cos, sin, static_cast<T*>(y), heads, aligned))
}

}  // namespace tt::device
