// Vectors of floats in the compiler's own notation, as wide as the including file's flags allow. Everything is static: the same names
// are compiled once per instruction set, and the linker must never merge them.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define TT_LANES 16
#elif defined(__AVX2__)
#define TT_LANES 8
#else
#define TT_LANES 4
#endif
#define TT_INLINE static inline __attribute__((always_inline))
#if defined(__AVX512BF16__)
#define TT_DOT 1   // dot products of bf16 pairs
#else
#define TT_DOT 0
#endif
#if defined(__AMX_BF16__)
#define TT_MATRIX 1   // units for products of bf16 matrices
#else
#define TT_MATRIX 0
#endif

namespace tt::TT_NAMESPACE {

constexpr int64_t L = TT_LANES;
typedef float vf __attribute__((vector_size(4 * TT_LANES)));
typedef int32_t vi __attribute__((vector_size(4 * TT_LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * TT_LANES)));
typedef uint16_t vh __attribute__((vector_size(2 * TT_LANES)));
struct bf16 { uint16_t bits; };

TT_INLINE vf splat(float x) { return x - vf{}; }   // not plus: that would be computed, since it makes 0 of -0
TT_INLINE vf as_float(vi x) { return (vf)x; }
TT_INLINE vi as_int(vf x) { return (vi)x; }
TT_INLINE vf vmax(vf a, vf b) { return a > b ? a : b; }
TT_INLINE vf vmin(vf a, vf b) { return a < b ? a : b; }

TT_INLINE vf load(const float* p) { vf r; std::memcpy(&r, p, sizeof r); return r; }
TT_INLINE void store(float* p, vf x) { std::memcpy(p, &x, sizeof x); }
TT_INLINE vf load(const bf16* p) {
    vh h; std::memcpy(&h, p, sizeof h);
    return (vf)(__builtin_convertvector(h, vu) << 16);
}
TT_INLINE vh to_bf16(vf x) {
#if TT_DOT
    return (vh)_mm512_cvtneps_pbh((__m512)x);
#else
    vu u = (vu)x;   // round to nearest, ties to even; a NaN keeps its quiet bit
    vu r = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    r = (vu)(x != x ? (vi)((u >> 16) | 0x40) : (vi)r);
    return __builtin_convertvector(r, vh);
#endif
}
TT_INLINE void store(bf16* p, vf x) { vh h = to_bf16(x); std::memcpy(p, &h, sizeof h); }

// The first n lanes, the others zero.
template <class T> TT_INLINE vf load_part(const T* p, int64_t n) {
    if (n >= L) return load(p);
    T buffer[L] = {};
    std::memcpy(buffer, p, n * sizeof(T));
    return load(buffer);
}
template <class T> TT_INLINE void store_part(T* p, vf x, int64_t n) {
    if (n >= L) { store(p, x); return; }
    T buffer[L];
    store(buffer, x);
    std::memcpy(p, buffer, n * sizeof(T));
}
TT_INLINE float to_float(float x) { return x; }
TT_INLINE float to_float(bf16 x) { uint32_t u = (uint32_t)x.bits << 16; float f; std::memcpy(&f, &u, 4); return f; }

TT_INLINE bool any(vi x) {
#if TT_LANES == 16
    return _mm512_movepi32_mask((__m512i)x) != 0;
#elif TT_LANES == 8
    return _mm256_movemask_ps((__m256)x) != 0;
#else
    return (x[0] | x[1] | x[2] | x[3]) != 0;
#endif
}
TT_INLINE float sum(vf x) { float s = 0; for (int i = 0; i < L; i++) s += x[i]; return s; }
TT_INLINE float max(vf x) { float m = x[0]; for (int i = 1; i < L; i++) m = x[i] > m ? x[i] : m; return m; }

// Four sums of lanes side by side: pairs of vectors are interleaved and added, which is shorter than one vector after another.
TT_INLINE vf fold_pair(vf a, vf b, int unit) {
    vi low, high;
#pragma GCC unroll 16
    for (int i = 0; i < L; i++) {
        int quad = i / 4 * 4, lane = i % 4, from = lane / unit % 2 ? L : 0, place = lane / (2 * unit) * unit + lane % unit;
        low[i] = from + quad + place;
        high[i] = from + quad + place + 2;
    }
    return __builtin_shuffle(a, b, low) + __builtin_shuffle(a, b, high);
}
TT_INLINE void fold_four(const vf* s, float* sums) {
    vf x = fold_pair(fold_pair(s[0], s[1], 1), fold_pair(s[2], s[3], 1), 2);   // each four lanes have a part of all four
#pragma GCC unroll 4
    for (int half = L / 2; half >= 4; half /= 2) {
        vi other;
        for (int i = 0; i < L; i++) other[i] = i ^ half;
        x += __builtin_shuffle(x, other);
    }
    std::memcpy(sums, &x, 4 * sizeof(float));
}

// 1 / x to about 1 ulp, for x of ordinary size.
TT_INLINE vf reciprocal(vf x) {
#if TT_LANES == 16
    vf r = (vf)_mm512_maskz_rcp14_ps(0xffff, (__m512)x);   // 14 bits, and a step of Newton's
    return r * (2.0f - x * r);
#else
    return 1.0f / x;
#endif
}
// exp to about 1 ulp: x = n ln 2 + r, |r| <= ln 2 / 2, a polynomial in r. Zero below the smallest normal number: what is smaller would
// slow every product it meets a hundredfold on many processors.
TT_INLINE vf vexp(vf x) {
#if TT_LANES == 16
    const __mmask16 kept = _mm512_cmp_ps_mask((__m512)x, (__m512)splat(-87.33654f), _CMP_NLT_UQ);   // a NaN too
    x = vmin(splat(89.0f), x);   // in this order a NaN stays
    vf n = (vf)_mm512_maskz_roundscale_ps(0xffff, (__m512)(x * 1.44269504f), 0);
#else
    const float magic = 12582912.0f;   // 1.5 * 2^23: adding it rounds to an integer in the low bits
    const vf given = x;
    x = vmin(x, splat(88.72283f));
    vf t = x * 1.44269504f + magic, n = t - magic;
    vi whole = as_int(t) - 0x4b400000, half = whole >> 1;
#endif
    vf r = x - n * 0.693145752f;
    r = r - n * 1.42860677e-6f;
    vf p = splat(1.98756915e-4f);
    p = p * r + 1.39819995e-3f;
    p = p * r + 8.33345191e-3f;
    p = p * r + 4.16657959e-2f;
    p = p * r + 1.66666655e-1f;
    p = p * r + 5.00000012e-1f;
    p = (p * r) * r + r + 1.0f;
#if TT_LANES == 16
    return (vf)_mm512_maskz_scalef_ps(kept, (__m512)p, (__m512)n);
#else
    // 2^n in two steps, since n = 128 has no exponent of its own
    vf y = p * as_float((half + 127) << 23) * as_float((whole - half + 127) << 23);
    y = given < -87.33654f ? splat(0) : y;
    return given != given ? given : y;
#endif
}
// 1 / (1 + e^-x).
TT_INLINE vf vsigmoid(vf x) { return reciprocal(1.0f + vexp(vmin(splat(88.0f), -x))); }
// 2^x to about 1 ulp for x < 127, zero from -127 down: 2^n times a polynomial of the rest, |rest| <= 1/2 (Moshier, Cephes, exp2f).
TT_INLINE vf vexp2(vf x) {
    x = vmax(splat(-127.0f), x);
#if TT_LANES == 16
    vf n = (vf)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, 0), f = x - n;
#else
    vf t = x + 12582912.0f, n = t - 12582912.0f, f = x - n;   // 1.5 * 2^23 rounds to an integer
#endif
    vf p = splat(1.535336188319500e-4f);
    p = p * f + 1.339887440266574e-3f;
    p = p * f + 9.618437357674640e-3f;
    p = p * f + 5.550332471162809e-2f;
    p = p * f + 2.402264791363012e-1f;
    p = p * f + 6.931472028550421e-1f;
    p = p * f + 1.0f;
#if TT_LANES == 16
    vf y = (vf)_mm512_maskz_scalef_ps(0xffff, (__m512)p, (__m512)n);
    return n < -126.5f ? splat(0) : y;
#else
    return p * as_float((as_int(t) - 0x4b400000 + 127) << 23);   // n = -127 has the exponent of zero
#endif
}
TT_INLINE vf vtanh(vf x) {
    vf a = vmin(vmax(x, splat(-9.02f)), splat(9.02f));
    vf e = vexp(a * 2.0f);
    vf big = 1.0f - 2.0f * reciprocal(e + 1.0f);
    vf s = x * x;   // near zero the quotient cancels: the series
    vf small = x + x * s * (-0.333333333f + s * (0.133333333f - s * 0.053968254f));
    vf y = (s < 0.01f) ? small : big;
    return x != x ? x : y;
}
// erfc for z >= 0, relative error 1.2e-7 (Press et al., Numerical Recipes, 6.2: a Chebyshev fit).
TT_INLINE vf verfc_positive(vf z) {
    vf t = reciprocal(1.0f + 0.5f * vmin(splat(1e9f), z));   // an infinite z has no reciprocal, but a result: 0
    const float c[10] = {-1.26551223f, 1.00002368f, 0.37409196f, 0.09678418f, -0.18628806f,
                         0.27886807f, -1.13520398f, 1.48851587f, -0.82215223f, 0.17087277f};
    vf p = splat(c[9]);
    for (int i = 8; i >= 0; i--) p = p * t + c[i];
    return t * vexp(p - z * z);
}

// Transposes L x L floats in registers: log2(L) rounds, each of which interleaves row i with row i + L/2.
TT_INLINE void transpose(vf (&r)[L]) {
    vi low, high;
    for (int i = 0; i < L / 2; i++) {
        low[2 * i] = i; low[2 * i + 1] = L + i;
        high[2 * i] = L / 2 + i; high[2 * i + 1] = L + L / 2 + i;
    }
#pragma GCC unroll 4
    for (int round = 1; round < L; round *= 2) {
        vf s[L];
#pragma GCC unroll 8
        for (int i = 0; i < L / 2; i++) {
            s[2 * i] = __builtin_shuffle(r[i], r[i + L / 2], low);
            s[2 * i + 1] = __builtin_shuffle(r[i], r[i + L / 2], high);
        }
#pragma GCC unroll 16
        for (int i = 0; i < L; i++) r[i] = s[i];
    }
}

template <class T> TT_INLINE const T* at(const void* p, int64_t offset) { return static_cast<const T*>(p) + offset; }
template <class T> TT_INLINE T* at(void* p, int64_t offset) { return static_cast<T*>(p) + offset; }

}  // namespace tt::TT_NAMESPACE

// Calls f with a value of the element type.
#define TT_BY_TYPE(type, T, ...)                                       \
    if ((type) == Type::f32) { using T = float; __VA_ARGS__; }         \
    else { using T = bf16; __VA_ARGS__; }
