// The register-blocked product that attention is made of, and the packing around it. What is multiplied are cells of 32 bits: a float,
// or a pair of bf16 that one instruction multiplies and adds (AVX512-BF16). One template serves both.
#pragma once
#include <type_traits>

#include "vec.h"
#if TT_MATRIX
#include "matrix_units.inl"
#endif

namespace tt::TT_NAMESPACE {

constexpr int MR = 6;                       // rows of C in registers
constexpr int NV = TT_LANES == 16 ? 4 : 2;  // vectors of C in registers: MR * NV accumulators, NV of B, one of A

struct pair { bf16 first, second; };
template <class Cell> constexpr int64_t Depth = sizeof(Cell) / sizeof(float);   // numbers in a cell
template <> constexpr int64_t Depth<pair> = 2;
template <class Cell> constexpr int64_t cells(int64_t n) { return (n + Depth<Cell> - 1) / Depth<Cell>; }

TT_INLINE vf load(const pair* p) { vf r; std::memcpy(&r, p, sizeof r); return r; }
TT_INLINE void store(pair* p, vf x) { std::memcpy(p, &x, sizeof x); }
TT_INLINE vf splat(pair x) { int32_t bits; std::memcpy(&bits, &x, 4); return (vf)(vi{} + bits); }

// sum + a b, where a and b are vectors of cells.
template <class Cell> TT_INLINE vf multiply_add(vf sum, vf a, vf b) {
#if TT_DOT
    if constexpr (Depth<Cell> == 2) return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#endif
    return sum + a * b;
}

template <int M, int N, class Cell>
TT_INLINE void tile(int64_t depth, const Cell* a, int64_t a_row, const Cell* b, int64_t b_row, float* c, int64_t c_row, bool add) {
    vf s[M][N];
#pragma GCC unroll 8
    for (int i = 0; i < M; i++)
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) s[i][j] = add ? load(c + i * c_row + j * L) : splat(0.0f);
    for (int64_t k = 0; k < depth; k++) {
        vf bv[N];
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) bv[j] = load(b + k * b_row + j * L);
#pragma GCC unroll 8
        for (int i = 0; i < M; i++) {
            vf av = splat(a[i * a_row + k]);
#pragma GCC unroll 8
            for (int j = 0; j < N; j++) s[i][j] = multiply_add<Cell>(s[i][j], av, bv[j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; i++)
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) store(c + i * c_row + j * L, s[i][j]);
}

template <int N, class Cell>
static void columns(int64_t rows, int64_t depth, const Cell* a, int64_t a_row, const Cell* b, int64_t b_row, float* c, int64_t c_row,
                    bool add) {
    int64_t i = 0;
    for (; i + MR <= rows; i += MR) tile<MR, N>(depth, a + i * a_row, a_row, b, b_row, c + i * c_row, c_row, add);
    a += i * a_row; c += i * c_row;
    switch (rows - i) {
        case 5: tile<5, N>(depth, a, a_row, b, b_row, c, c_row, add); break;
        case 4: tile<4, N>(depth, a, a_row, b, b_row, c, c_row, add); break;
        case 3: tile<3, N>(depth, a, a_row, b, b_row, c, c_row, add); break;
        case 2: tile<2, N>(depth, a, a_row, b, b_row, c, c_row, add); break;
        case 1: tile<1, N>(depth, a, a_row, b, b_row, c, c_row, add); break;
    }
}

template <class Cell>
static void vector_product(int64_t rows, int64_t vectors, int64_t depth, const Cell* a, int64_t a_row, const Cell* b, int64_t b_row,
                           float* c, int64_t c_row, bool add) {
    for (; vectors >= NV; vectors -= NV, b += NV * L, c += NV * L) columns<NV>(rows, depth, a, a_row, b, b_row, c, c_row, add);
    switch (vectors) {
        case 3: columns<NV < 4 ? 1 : 3>(rows, depth, a, a_row, b, b_row, c, c_row, add); break;
        case 2: columns<2>(rows, depth, a, a_row, b, b_row, c, c_row, add); break;
        case 1: columns<1>(rows, depth, a, a_row, b, b_row, c, c_row, add); break;
    }
}

// C (rows, vectors * L) = or += A (rows, depth) B (depth, vectors * L), depth in cells. Whole tiles go to the matrix units, where there
// are any, the rest to vectors.
template <class Cell>
static void product(int64_t rows, int64_t vectors, int64_t depth, const Cell* a, int64_t a_row, const Cell* b, int64_t b_row, float* c,
                    int64_t c_row, bool add) {
#if TT_MATRIX
    if constexpr (Depth<Cell> == 2) {
        const int64_t whole = rows / Side * Side, deep = depth / Side * Side;
        if (whole && deep) {
            matrix_product(whole, vectors * L, deep, a, a_row, b, b_row, c, c_row, add);
            if (deep < depth) vector_product(whole, vectors, depth - deep, a + deep, a_row, b + deep * b_row, b_row, c, c_row, true);
            rows -= whole; a += whole * a_row; c += whole * c_row;
        }
    }
#endif
    vector_product(rows, vectors, depth, a, a_row, b, b_row, c, c_row, add);
}

// What a thread holds while it multiplies such cells.
struct Nothing {};
#if TT_MATRIX
template <class Cell> using UnitsOf = std::conditional_t<Depth<Cell> == 2, MatrixUnits, Nothing>;
#else
template <class Cell> using UnitsOf = Nothing;
#endif

// A vector of cells from along a row: numbers as they are, or pairs of neighbours.
template <class Cell, class T> TT_INLINE vf load_cells(const T* row, int64_t width) {
    if constexpr (Depth<Cell> == 1) return load_part(row, width);
    else {
        pair buffer[L] = {};
        if (width < 2 * L) std::memcpy(buffer, row, width * sizeof(T));
        return load(width < 2 * L ? buffer : reinterpret_cast<const pair*>(row));
    }
}
// A vector of cells from two rows: of the first alone, or pairs of one above the other.
template <class Cell, class T> TT_INLINE vf load_stacked(const T* row, const T* next, int64_t width) {
    if constexpr (Depth<Cell> == 1) return load_part(row, width);
    else {
        vu low = (vu)load_part(row, width) >> 16, high = next ? (vu)load_part(next, width) : vu{};
        return (vf)(low | high);
    }
}

// x (rows, width) -> y (rows, row) cells along the width, the rest of each row zero.
template <class Cell, class T> static void pack_rows(const T* x, int64_t stride, int64_t rows, int64_t width, Cell* y, int64_t row) {
    constexpr int64_t step = L * Depth<Cell>;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0, c = 0; c < row; j += step, c += L) {
            vf x_cells = j < width ? load_cells<Cell>(x + i * stride + j, width - j) : splat(0.0f);
            store(y + i * row + c, x_cells);
        }
}

// x (rows, width) -> y (cells of rows, row): rows stacked into cells, the rest of each row zero.
template <class Cell, class T> static void pack_stacked(const T* x, int64_t stride, int64_t rows, int64_t width, Cell* y, int64_t row) {
    for (int64_t i = 0; i < rows; i += Depth<Cell>)
        for (int64_t j = 0; j < row; j += L) {
            const T* p = x + i * stride + j;
            store(y + i / Depth<Cell> * row + j,
                  j < width ? load_stacked<Cell>(p, i + 1 < rows ? p + stride : nullptr, width - j) : splat(0.0f));
        }
}

// x (rows, width) -> y (width, row) in blocks of `block` rows each: rows stacked into cells, which lie along a row of y.
template <class Cell, class T> static void pack_columns(const T* x, int64_t stride, int64_t rows, int64_t width, int64_t block, Cell* y) {
    const int64_t row = block / Depth<Cell>;
    for (int64_t i = 0; i < rows; i += L * Depth<Cell>)
        for (int64_t j = 0; j < width; j += L) {
            vf r[L];
            for (int64_t k = 0; k < L; k++) {
                const int64_t n = i + k * Depth<Cell>;
                const T* p = x + n * stride + j;
                r[k] = n < rows ? load_stacked<Cell>(p, n + 1 < rows ? p + stride : nullptr, width - j) : splat(0.0f);
            }
            transpose(r);
            Cell* to = y + i / block * row * width + i % block / Depth<Cell>;
            for (int64_t k = 0; k < L && j + k < width; k++) store(to + (j + k) * row, r[k]);
        }
}

// x (rows, width) -> y (cells of width, block); the columns past rows are zero.
template <class Cell, class T>
static void pack_transposed(const T* x, int64_t stride, int64_t rows, int64_t width, int64_t block, Cell* y) {
    constexpr int64_t step = L * Depth<Cell>;
    for (int64_t i = 0; i < block; i += L)
        for (int64_t j = 0; j < width; j += step) {
            vf r[L];
            for (int64_t k = 0; k < L; k++) r[k] = i + k < rows ? load_cells<Cell>(x + (i + k) * stride + j, width - j) : splat(0.0f);
            transpose(r);
            for (int64_t k = 0; k < L && j + k * Depth<Cell> < width; k++) store(y + (j / Depth<Cell> + k) * block + i, r[k]);
        }
}

// x (width, block) -> y (rows, width), column c of x times scales[c].
template <class T>
static void unpack_transposed(const float* x, int64_t block, const float* scales, int64_t rows, int64_t width, T* y, int64_t stride) {
    for (int64_t i = 0; i < rows; i += L)
        for (int64_t j = 0; j < width; j += L) {
            vf r[L], s = load(scales + i);
            for (int64_t k = 0; k < L; k++) r[k] = j + k < width ? load(x + (j + k) * block + i) * s : splat(0.0f);
            transpose(r);
            for (int64_t k = 0; k < L && i + k < rows; k++) store_part(y + (i + k) * stride + j, r[k], width - j);
        }
}

template <class T>
static void unpack_rows(const float* x, int64_t padded, int64_t rows, int64_t width, float scale, T* y, int64_t stride) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j += L) store_part(y + i * stride + j, load(x + i * padded + j) * scale, width - j);
}

// Two vectors of floats as one of cells: the first alone, or both rounded to bf16, lane by lane.
template <class Cell> TT_INLINE vf stack_cells(vf first, vf second) {
#if TT_DOT
    if constexpr (Depth<Cell> == 2) {
        vh both[2] = {to_bf16(first), to_bf16(second)};
        return (vf)(__builtin_convertvector(both[0], vu) | __builtin_convertvector(both[1], vu) << 16);
    }
#endif
    (void)second;
    return first;
}

}  // namespace tt::TT_NAMESPACE
