// Products of a few rows with a weight, as decoding has them: the weight is read once, in its own order, at the speed of memory.
#pragma once
#include <algorithm>

#include "vec.h"

namespace tt::TT_NAMESPACE {

// The sum of all lanes: halves are folded, which is shorter than one lane after another.
TT_INLINE float fold(vf x) {
#pragma GCC unroll 4
    for (int half = L / 2; half > 0; half /= 2) {
        vi other;
        for (int i = 0; i < L; i++) other[i] = i ^ half;
        x += __builtin_shuffle(x, other);
    }
    return x[0];
}

// How a stretch of two rows is multiplied into L sums.
template <class T> struct Dot {
    static constexpr int64_t Step = L;
    TT_INLINE vf load_row(const T* p) { return load(p); }
    TT_INLINE vf add(vf sum, vf a, vf b) { return sum + a * b; }
};
#if defined(__AVX512BF16__) && TT_LANES == 16
template <> struct Dot<bf16> {
    static constexpr int64_t Step = 2 * L;
    TT_INLINE vf load_row(const bf16* p) { vf r; std::memcpy(&r, p, sizeof r); return r; }
    TT_INLINE vf add(vf sum, vf a, vf b) { return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b); }
};
#endif

constexpr int64_t SkinnyRows = 8;   // rows of x at a time

// Accumulators are M x R, within the registers there are.
template <int M> constexpr int outputs_at_once() { return std::max(1, std::min(4, (TT_LANES == 16 ? 24 : 10) / M)); }

// M rows of x with R rows of the weight that are `apart`.
template <class T, int M, int R> static void skinny_tile(const SkinnyView& a, int64_t row, int64_t output, int64_t apart) {
    const T *w = at<T>(a.w, output * a.w_row), *x = at<T>(a.x, row * a.x_row);
    const int64_t w_row = apart * a.w_row;
    vf s[R][M] = {};
    int64_t k = 0;
    for (; k + Dot<T>::Step <= a.depth; k += Dot<T>::Step) {
        vf v[R];
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) v[r] = Dot<T>::load_row(w + r * w_row + k);
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            vf u = Dot<T>::load_row(x + m * a.x_row + k);
#pragma GCC unroll 8
            for (int r = 0; r < R; r++) s[r][m] = Dot<T>::add(s[r][m], u, v[r]);
        }
    }
    // Every loop over sums is unrolled: one that is not would keep them all in memory.
    for (; k < a.depth; k += L)
#pragma GCC unroll 8
        for (int m = 0; m < M; m++)
#pragma GCC unroll 8
            for (int r = 0; r < R; r++)
                s[r][m] += load_part(x + m * a.x_row + k, a.depth - k) * load_part(w + r * w_row + k, a.depth - k);
#pragma GCC unroll 8
    for (int m = 0; m < M; m++)
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            float y = fold(s[r][m]);
            int64_t o = output + r * apart, place = (row + m) * a.y_row + o;
            if (a.bias) y += a.bias_type == Type::f32 ? *at<float>(a.bias, o) : to_float(*at<bf16>(a.bias, o));
            if (a.out == Type::f32) *at<float>(a.y, place) = y;
            else { bf16 lanes[L]; store(lanes, splat(y)); *at<bf16>(a.y, place) = lanes[0]; }
        }
}

// As many streams as rows of a tile, each from end to end: that is what the processor's own prefetching follows best.
template <class T, int M> static void skinny_outputs(const SkinnyView& a, int64_t row, int64_t first, int64_t last) {
    constexpr int R = outputs_at_once<M>();
    const int64_t apart = (last - first) / R;
    for (int64_t o = first; o < first + apart; o++) skinny_tile<T, M, R>(a, row, o, apart);
    for (int64_t o = first + apart * R; o < last; o++) skinny_tile<T, M, 1>(a, row, o, 0);
}

template <class T> static void skinny_rows(const SkinnyView& a, int64_t row, int64_t first, int64_t last) {
    switch (std::min(SkinnyRows, a.rows - row)) {
        case 1: return skinny_outputs<T, 1>(a, row, first, last);
        case 2: return skinny_outputs<T, 2>(a, row, first, last);
        case 3: return skinny_outputs<T, 3>(a, row, first, last);
        case 4: return skinny_outputs<T, 4>(a, row, first, last);
        case 5: return skinny_outputs<T, 5>(a, row, first, last);
        case 6: return skinny_outputs<T, 6>(a, row, first, last);
        case 7: return skinny_outputs<T, 7>(a, row, first, last);
        default: skinny_outputs<T, 8>(a, row, first, last);
    }
}

template <class T> static void skinny_typed(const SkinnyView& a, int64_t first, int64_t last) {
    // More rows than a tile has pass over weights that are near still.
    const int64_t block = a.rows <= SkinnyRows ? last - first : 24;
    for (int64_t o = first; o < last; o += block)
        for (int64_t row = 0; row < a.rows; row += SkinnyRows) skinny_rows<T>(a, row, o, std::min(last, o + block));
}

static void skinny(const SkinnyView& a, int64_t first, int64_t last) { TT_BY_TYPE(a.type, T, skinny_typed<T>(a, first, last)) }

}  // namespace tt::TT_NAMESPACE
