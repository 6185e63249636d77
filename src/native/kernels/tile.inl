// The register-blocked product that attention is made of, and the transposes around it.
#pragma once
#include "vec.h"

namespace tt::TT_NAMESPACE {

constexpr int MR = 6;                       // rows of C in registers
constexpr int NV = TT_LANES == 16 ? 4 : 2;  // vectors of C in registers: MR * NV accumulators, NV of B, one of A

template <int M, int N>
TT_INLINE void tile(int64_t depth, const float* a, int64_t a_row, int64_t a_depth, const float* b, int64_t b_depth, float* c,
                    int64_t c_row, bool add) {
    vf s[M][N];
#pragma GCC unroll 8
    for (int i = 0; i < M; i++)
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) s[i][j] = add ? load(c + i * c_row + j * L) : splat(0);
    for (int64_t k = 0; k < depth; k++) {
        vf bv[N];
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) bv[j] = load(b + k * b_depth + j * L);
#pragma GCC unroll 8
        for (int i = 0; i < M; i++) {
            vf av = splat(a[i * a_row + k * a_depth]);
#pragma GCC unroll 8
            for (int j = 0; j < N; j++) s[i][j] += av * bv[j];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; i++)
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) store(c + i * c_row + j * L, s[i][j]);
}

template <int N>
static void columns(int64_t rows, int64_t depth, const float* a, int64_t a_row, int64_t a_depth, const float* b, int64_t b_depth, float* c,
                    int64_t c_row, bool add) {
    int64_t i = 0;
    for (; i + MR <= rows; i += MR) tile<MR, N>(depth, a + i * a_row, a_row, a_depth, b, b_depth, c + i * c_row, c_row, add);
    a += i * a_row; c += i * c_row;
    switch (rows - i) {
        case 5: tile<5, N>(depth, a, a_row, a_depth, b, b_depth, c, c_row, add); break;
        case 4: tile<4, N>(depth, a, a_row, a_depth, b, b_depth, c, c_row, add); break;
        case 3: tile<3, N>(depth, a, a_row, a_depth, b, b_depth, c, c_row, add); break;
        case 2: tile<2, N>(depth, a, a_row, a_depth, b, b_depth, c, c_row, add); break;
        case 1: tile<1, N>(depth, a, a_row, a_depth, b, b_depth, c, c_row, add); break;
    }
}

// C (rows, vectors * L) = or += A (rows, depth) B (depth, vectors * L). A is read by scalars, so any strides serve.
static void product(int64_t rows, int64_t vectors, int64_t depth, const float* a, int64_t a_row, int64_t a_depth, const float* b,
                    int64_t b_depth, float* c, int64_t c_row, bool add) {
    for (; vectors >= NV; vectors -= NV, b += NV * L, c += NV * L) columns<NV>(rows, depth, a, a_row, a_depth, b, b_depth, c, c_row, add);
    switch (vectors) {
        case 3: columns<NV < 4 ? 1 : 3>(rows, depth, a, a_row, a_depth, b, b_depth, c, c_row, add); break;
        case 2: columns<2>(rows, depth, a, a_row, a_depth, b, b_depth, c, c_row, add); break;
        case 1: columns<1>(rows, depth, a, a_row, a_depth, b, b_depth, c, c_row, add); break;
    }
}

// x (rows, width) -> y (width, block) times scale; the columns past rows are zero.
template <class T>
static void pack_transposed(const T* x, int64_t stride, int64_t rows, int64_t width, int64_t block, float scale, float* y) {
    for (int64_t i = 0; i < block; i += L)
        for (int64_t j = 0; j < width; j += L) {
            vf r[L];
            for (int64_t k = 0; k < L; k++) r[k] = i + k < rows ? load_part(x + (i + k) * stride + j, width - j) * scale : splat(0);
            transpose(r);
            for (int64_t k = 0; k < L && j + k < width; k++) store(y + (j + k) * block + i, r[k]);
        }
}

// x (width, block) -> y (rows, width), column c of x times scales[c].
template <class T>
static void unpack_transposed(const float* x, int64_t block, const float* scales, int64_t rows, int64_t width, T* y, int64_t stride) {
    for (int64_t i = 0; i < rows; i += L)
        for (int64_t j = 0; j < width; j += L) {
            vf r[L], s = load(scales + i);
            for (int64_t k = 0; k < L; k++) r[k] = j + k < width ? load(x + (j + k) * block + i) * s : splat(0);
            transpose(r);
            for (int64_t k = 0; k < L && i + k < rows; k++) store_part(y + (i + k) * stride + j, r[k], width - j);
        }
}

// x (rows, width) -> y (rows, padded), the rest of each row zero.
template <class T>
static void pack_rows(const T* x, int64_t stride, int64_t rows, int64_t width, float* y, int64_t padded) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < padded; j += L) store(y + i * padded + j, j < width ? load_part(x + i * stride + j, width - j) : splat(0));
}

template <class T>
static void unpack_rows(const float* x, int64_t padded, int64_t rows, int64_t width, float scale, T* y, int64_t stride) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j += L) store_part(y + i * stride + j, load(x + i * padded + j) * scale, width - j);
}

}  // namespace tt::TT_NAMESPACE
