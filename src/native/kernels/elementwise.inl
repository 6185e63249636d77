// GELU, rotary position embedding, conversions and column sums.
#pragma once
#include <algorithm>

#include "vec.h"

namespace tt::TT_NAMESPACE {

// The factor that GELU multiplies x with, and where wanted its derivative times x: gelu'(x) = factor + slope.
struct Gate { vf factor, slope; };

// Hendrycks and Gimpel 2016: x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3), which is x (1 + tanh u) / 2.
TT_INLINE Gate gate_tanh(vf x) {
    const float k = 0.7978845608f, c = 0.044715f;
    vf square = x * x;
    vf sigmoid = 1.0f / (1.0f + vexp(-2.0f * k * x * (1.0f + c * square)));
    return {sigmoid, x * sigmoid * (1.0f - sigmoid) * (2.0f * k) * (1.0f + 3.0f * c * square)};
}
TT_INLINE Gate gate_erf(vf x) {
    vf z = (x < 0 ? -x : x) * 0.70710678f;
    vf tail = 0.5f * verfc_positive(z);
    return {x < 0 ? tail : 1.0f - tail, x * 0.3989422804f * vexp(-0.5f * x * x)};
}

template <class T, bool Tanh> static void gelu_forward_typed(const T* x, T* y, int64_t n) {
    for (int64_t i = 0; i < n; i += L) {
        vf v = load_part(x + i, n - i);
        store_part(y + i, v * (Tanh ? gate_tanh(v) : gate_erf(v)).factor, n - i);
    }
}
template <class T, bool Tanh> static void gelu_backward_typed(const T* x, const T* dy, T* dx, int64_t n) {
    for (int64_t i = 0; i < n; i += L) {
        vf v = load_part(x + i, n - i);
        Gate g = Tanh ? gate_tanh(v) : gate_erf(v);
        store_part(dx + i, load_part(dy + i, n - i) * (g.factor + g.slope), n - i);
    }
}
static void gelu_forward(Type type, bool tanh, const void* x, void* y, int64_t n) {
    TT_BY_TYPE(type, T, (tanh ? gelu_forward_typed<T, true> : gelu_forward_typed<T, false>)(at<T>(x, 0), at<T>(y, 0), n))
}
static void gelu_backward(Type type, bool tanh, const void* x, const void* dy, void* dx, int64_t n) {
    TT_BY_TYPE(type, T, (tanh ? gelu_backward_typed<T, true> : gelu_backward_typed<T, false>)(at<T>(x, 0), at<T>(dy, 0), at<T>(dx, 0), n))
}

template <class T>
static void rotary_typed(const RotaryView& a, const T* x, const float* cos, const float* sin, T* y, int64_t b, int64_t first,
                         int64_t last) {
    const int64_t half = a.R / 2;
    const int64_t step = a.interleaved ? 2 : 1, second = a.interleaved ? 1 : half;
    for (int64_t t = first; t < last; t++)
        for (int64_t h = 0; h < a.H; h++) {
            const T* from = x + b * a.x_batch + t * a.x_time + h * a.x_head;
            T* to = y + ((b * a.T + t) * a.H + h) * a.D;
            const float *c = cos + b * a.angle_batch + t * a.angle_time, *s = sin + b * a.angle_batch + t * a.angle_time;
            for (int64_t i = 0; i < half; i++) {
                float u = to_float(from[i * step]), v = to_float(from[i * step + second]), w = a.inverse ? -s[i] : s[i];
                vf pair = splat(u * c[i] - v * w);
                pair[1] = v * c[i] + u * w;
                T out[L];
                store(out, pair);
                to[i * step] = out[0];
                to[i * step + second] = out[1];
            }
            std::memcpy(to + a.R, from + a.R, (a.D - a.R) * sizeof(T));
        }
}
static void rotary(const RotaryView& a, const void* x, const float* cos, const float* sin, void* y, int64_t b, int64_t first,
                   int64_t last) {
    TT_BY_TYPE(a.type, T, rotary_typed(a, at<T>(x, 0), cos, sin, at<T>(y, 0), b, first, last))
}

template <class T> static void column_sums_typed(const T* x, int64_t rows, int64_t width, int64_t stride, float* sums) {
    for (int64_t j = 0; j < width; j += 4 * L) {   // four vectors at a time: whole cache lines of each row
        int64_t vectors = std::min<int64_t>(4, (width - j + L - 1) / L);
        vf s[4] = {};
        if (j + 4 * L <= width)
            for (int64_t i = 0; i < rows; i++)
                for (int k = 0; k < 4; k++) s[k] += load(x + i * stride + j + k * L);
        else
            for (int64_t i = 0; i < rows; i++)
                for (int k = 0; k < vectors; k++) s[k] += load_part(x + i * stride + j + k * L, width - j - k * L);
        for (int k = 0; k < vectors; k++) {
            float* to = sums + j + k * L;
            store_part(to, load_part(to, width - j - k * L) + s[k], width - j - k * L);
        }
    }
}
static void column_sums(Type type, const void* x, int64_t rows, int64_t width, int64_t stride, float* sums) {
    TT_BY_TYPE(type, T, column_sums_typed(at<T>(x, 0), rows, width, stride, sums))
}

template <class From, class To> static void convert_typed(const From* x, To* y, int64_t n) {
    for (int64_t i = 0; i < n; i += L) store_part(y + i, load_part(x + i, n - i), n - i);
}
static void convert(Type from, const void* x, Type to, void* y, int64_t n) {
    TT_BY_TYPE(from, From, TT_BY_TYPE(to, To, convert_typed(at<From>(x, 0), at<To>(y, 0), n)))
}

}  // namespace tt::TT_NAMESPACE
