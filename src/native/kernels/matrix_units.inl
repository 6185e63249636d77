// Intel's matrix units (AMX): 16 rows of 16 pairs of bf16 times 16 stacked rows of 16 pairs, 16 x 16 sums of floats in one instruction.
// Each thread sets them up before its task and gives them back after it: others, oneDNN among them, do the same.
#pragma once
#include <sys/syscall.h>
#include <unistd.h>

#include "vec.h"

namespace tt::TT_NAMESPACE {

constexpr int64_t Side = 16;   // rows, columns and pairs of a tile

// Linux keeps the units' large state only for processes that have asked for it.
static bool may_use_matrix_units() {
    constexpr long request = 0x1023, tile_data = 18;   // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA (asm/prctl.h)
    static const bool granted = syscall(SYS_arch_prctl, request, tile_data) == 0;
    return granted;
}

struct MatrixUnits {
    MatrixUnits() {
        struct alignas(64) { uint8_t palette = 1, start = 0, reserved[14] = {}; uint16_t row_bytes[16] = {}; uint8_t rows[16] = {}; } setup;
        for (int i = 0; i < 8; i++) setup.row_bytes[i] = Side * 4, setup.rows[i] = Side;
        _tile_loadconfig(&setup);
    }
    ~MatrixUnits() { _tile_release(); }
    MatrixUnits(const MatrixUnits&) = delete;
};

// The compiler does not know what a tile reads from memory.
TT_INLINE void settle_memory() { asm volatile("" ::: "memory"); }

// C (M tiles, N tiles) = or += A (M tiles, tiles) B (tiles, N tiles), in tiles 0 to 3; 4 and 5 are of A, 6 and 7 of B. Rows in pairs,
// of C in floats.
template <int M, int N, class Pair>
TT_INLINE void tiles(int64_t depth, const Pair* a, int64_t a_row, const Pair* b, int64_t b_row, float* c, int64_t c_row, bool add) {
    const int64_t a_bytes = a_row * 4, b_bytes = b_row * 4, c_bytes = c_row * 4;
    float *c1 = c + Side, *below = c + Side * c_row, *below1 = below + Side;
    if (add) {
        _tile_loadd(0, c, c_bytes);
        if constexpr (N > 1) _tile_loadd(1, c1, c_bytes);
        if constexpr (M > 1) _tile_loadd(2, below, c_bytes);
        if constexpr (M > 1 && N > 1) _tile_loadd(3, below1, c_bytes);
    } else {
        _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3);
    }
    for (int64_t k = 0; k < depth; k += Side) {
        const Pair *a_k = a + k, *b_k = b + k * b_row;
        _tile_loadd(4, a_k, a_bytes);
        _tile_loadd(6, b_k, b_bytes);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (N > 1) { _tile_loadd(7, b_k + Side, b_bytes); _tile_dpbf16ps(1, 4, 7); }
        if constexpr (M > 1) { _tile_loadd(5, a_k + Side * a_row, a_bytes); _tile_dpbf16ps(2, 5, 6); }
        if constexpr (M > 1 && N > 1) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, c_bytes);
    if constexpr (N > 1) _tile_stored(1, c1, c_bytes);
    if constexpr (M > 1) _tile_stored(2, below, c_bytes);
    if constexpr (M > 1 && N > 1) _tile_stored(3, below1, c_bytes);
}

// C (rows, columns) = or += A (rows, depth) B (depth, columns), all of them whole tiles.
template <class Pair>
static void matrix_product(int64_t rows, int64_t columns, int64_t depth, const Pair* a, int64_t a_row, const Pair* b, int64_t b_row,
                           float* c, int64_t c_row, bool add) {
    settle_memory();
    for (int64_t j = 0; j < columns; j += 2 * Side)
        for (int64_t i = 0; i < rows; i += 2 * Side) {
            const Pair *a_i = a + i * a_row, *b_j = b + j;
            float* c_ij = c + i * c_row + j;
            const bool tall = i + Side < rows, wide = j + Side < columns;
            if (tall && wide) tiles<2, 2>(depth, a_i, a_row, b_j, b_row, c_ij, c_row, add);
            else if (tall) tiles<2, 1>(depth, a_i, a_row, b_j, b_row, c_ij, c_row, add);
            else if (wide) tiles<1, 2>(depth, a_i, a_row, b_j, b_row, c_ij, c_row, add);
            else tiles<1, 1>(depth, a_i, a_row, b_j, b_row, c_ij, c_row, add);
        }
    settle_memory();
}

}  // namespace tt::TT_NAMESPACE
