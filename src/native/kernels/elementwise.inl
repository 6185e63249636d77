// Activations, plain and gated, rotary position embedding, conversions and column sums.
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
    vf sigmoid = vsigmoid(2.0f * k * x * (1.0f + c * square));
    return {sigmoid, x * sigmoid * (1.0f - sigmoid) * (2.0f * k) * (1.0f + 3.0f * c * square)};
}
TT_INLINE Gate gate_erf(vf x) {
    vf z = (x < 0 ? -x : x) * 0.70710678f;
    vf tail = 0.5f * verfc_positive(z);
    return {x < 0 ? tail : 1.0f - tail, x * 0.3989422804f * vexp(-0.5f * x * x)};
}

// x sigmoid(x) (Elfwing et al. 2017).
TT_INLINE Gate gate_silu(vf x) {
    vf sigmoid = vsigmoid(x);
    return {sigmoid, x * sigmoid * (1.0f - sigmoid)};
}
TT_INLINE Gate gate_relu(vf x) { return {x > 0 ? splat(1) : splat(0), splat(0)}; }

template <Activation A> TT_INLINE Gate gate(vf x) {
    if constexpr (A == Activation::gelu) return gate_erf(x);
    else if constexpr (A == Activation::gelu_tanh) return gate_tanh(x);
    else if constexpr (A == Activation::silu) return gate_silu(x);
    else return gate_relu(x);
}

// The function's value; an infinity times nothing would be no number.
template <Activation A> TT_INLINE vf activated(vf x, const Gate& g) {
    if constexpr (A == Activation::relu) return x > 0 ? x : (x == x ? splat(0) : x);
    else return x * g.factor;
}

template <class T, Activation A> static void activate_typed(const T* x, const T* up, T* y, int64_t n) {
    for (int64_t i = 0; i < n; i += L) {
        vf v = load_part(x + i, n - i), f = activated<A>(v, gate<A>(v));
        store_part(y + i, up ? f * load_part(up + i, n - i) : f, n - i);
    }
}
template <class T, Activation A>
static void activate_backward_typed(const T* x, const T* up, const T* dy, T* dx, T* dup, int64_t n) {
    for (int64_t i = 0; i < n; i += L) {
        vf v = load_part(x + i, n - i), d = load_part(dy + i, n - i);
        Gate g = gate<A>(v);
        if (up) {
            store_part(dup + i, d * activated<A>(v, g), n - i);
            d *= load_part(up + i, n - i);
        }
        store_part(dx + i, d * (g.factor + g.slope), n - i);
    }
}
// Calls f with the activation as a constant.
#define TT_BY_ACTIVATION(activation, A, ...)                                                               \
    switch (activation) {                                                                                  \
        case Activation::gelu: { constexpr Activation A = Activation::gelu; __VA_ARGS__; break; }           \
        case Activation::gelu_tanh: { constexpr Activation A = Activation::gelu_tanh; __VA_ARGS__; break; } \
        case Activation::silu: { constexpr Activation A = Activation::silu; __VA_ARGS__; break; }           \
        case Activation::relu: { constexpr Activation A = Activation::relu; __VA_ARGS__; break; }           \
    }
static void activation_forward(Type type, Activation activation, const void* x, const void* up, void* y, int64_t n) {
    TT_BY_TYPE(type, T, TT_BY_ACTIVATION(activation, A, activate_typed<T, A>(at<T>(x, 0), at<T>(up, 0), at<T>(y, 0), n)))
}
static void activation_backward(Type type, Activation activation, const void* x, const void* up, const void* dy, void* dx, void* dup,
                                int64_t n) {
    TT_BY_TYPE(type, T, TT_BY_ACTIVATION(activation, A, activate_backward_typed<T, A>(at<T>(x, 0), at<T>(up, 0), at<T>(dy, 0),
                                                                                      at<T>(dx, 0), at<T>(dup, 0), n)))
}

// L pairs turned by their angles: in halves, whole vectors.
template <class T>
TT_INLINE void turn_halves(const T* from, int64_t half, const float* c, const float* s, float sign, T* to) {
    for (int64_t i = 0; i < half; i += L) {
        int64_t left = half - i;
        vf u = load_part(from + i, left), v = load_part(from + half + i, left);
        vf cos = load_part(c + i, left), sin = load_part(s + i, left) * sign;
        store_part(to + i, u * cos - v * sin, left);
        store_part(to + half + i, v * cos + u * sin, left);
    }
}
template <class T> TT_INLINE void turn_neighbours(const T* from, int64_t half, const float* c, const float* s, float sign, T* to) {
    vi swap, pairs;
    vf signs;
    for (int i = 0; i < L; i++) { swap[i] = i ^ 1; pairs[i] = i / 2; signs[i] = i % 2 ? sign : -sign; }
    for (int64_t i = 0; i < half; i += L / 2) {
        int64_t left = half - i;
        vf x = load_part(from + 2 * i, 2 * left);
        vf cos = __builtin_shuffle(load_part(c + i, std::min(left, L / 2)), pairs);
        vf sin = __builtin_shuffle(load_part(s + i, std::min(left, L / 2)), pairs) * signs;
        store_part(to + 2 * i, x * cos + __builtin_shuffle(x, swap) * sin, 2 * left);
    }
}

template <class T>
static void rotary_typed(const RotaryView& a, const T* x, const float* cos, const float* sin, T* y, int64_t b, int64_t first,
                         int64_t last) {
    const float sign = a.inverse ? -1 : 1;
    for (int64_t t = first; t < last; t++) {
        const float *c = cos + b * a.angle_batch + t * a.angle_time, *s = sin + b * a.angle_batch + t * a.angle_time;
        for (int64_t h = 0; h < a.H; h++) {
            const T* from = x + b * a.x_batch + t * a.x_time + h * a.x_head;
            T* to = y + b * a.y_batch + t * a.y_time + h * a.y_head;   // may be from
            if (a.interleaved) turn_neighbours(from, a.R / 2, c, s, sign, to);
            else turn_halves(from, a.R / 2, c, s, sign, to);
            if (to != from) std::memcpy(to + a.R, from + a.R, (a.D - a.R) * sizeof(T));
        }
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
