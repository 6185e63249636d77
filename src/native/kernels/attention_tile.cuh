// Tiles of rows in shared memory, and their products on tensor cores: a warp has 16 rows of sums, in the layout of device_ptx.cuh's
// multiply. Halves are multiplied as they are; floats as a TF32 number and what that leaves, in three products (Ootomo and Yokota, 2022),
// which keeps float32's precision.
#pragma once
#include "device.cuh"

namespace tt::device {

__device__ __forceinline__ int lane_index() { return threadIdx.x % WarpSize; }
__device__ __forceinline__ int warp_index() { return threadIdx.x / WarpSize; }

// Elements from one row of a tile to the next: 16 bytes more than a row, so that the rows which lanes read at once lie in other banks.
template <class T, int Width> constexpr int TileStride = Width + 16 / (int)sizeof(T);
template <class T, int Rows, int Width> constexpr int TileSize = Rows * TileStride<T, Width>;

// Operands of 16 rows and Depth columns (A), of Depth and 8 (B).
template <class T> struct Fragments {
    static constexpr int Depth = 16;
    struct A { uint32_t x[4]; };
    struct B { uint32_t x[2]; };
    // p: (16, Depth)
    static __device__ __forceinline__ A rows(const T* p, int stride) {
        const int lane = lane_index();
        A a;
        load_matrices(a.x, p + lane % 16 * stride + lane / 16 * 8);
        return a;
    }
    // Sums (16, Depth) as an operand.
    static __device__ __forceinline__ A from_sums(const float (*sums)[4]) {
        return {{pack<T>(sums[0][0], sums[0][1]), pack<T>(sums[0][2], sums[0][3]), pack<T>(sums[1][0], sums[1][1]),
                 pack<T>(sums[1][2], sums[1][3])}};
    }
    // p: (16, Depth), a column of the operands in each row.
    static __device__ __forceinline__ void columns(const T* p, int stride, B (&b)[2]) {
        const int lane = lane_index();
        uint32_t x[4];
        load_matrices(x, p + (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 8);
        b[0] = {{x[0], x[1]}};
        b[1] = {{x[2], x[3]}};
    }
    // p: (Depth, 16), to be multiplied with from_sums.
    static __device__ __forceinline__ void stacked(const T* p, int stride, B (&b)[2]) {
        const int lane = lane_index();
        uint32_t x[4];
        load_matrices_transposed(x, p + (lane % 8 + lane / 8 % 2 * 8) * stride + lane / 16 * 8);
        b[0] = {{x[0], x[1]}};
        b[1] = {{x[2], x[3]}};
    }
    static __device__ __forceinline__ void multiply_add(float (&sums)[4], const A& a, const B& b) { multiply<T>(sums, a.x, b.x); }
};

template <> struct Fragments<float> {
    static constexpr int Depth = 8;
    struct A { uint32_t high[4], low[4]; };
    struct B { uint32_t high[2], low[2]; };
    // No number stays none: half added to its bits could make it one.
    static __device__ __forceinline__ uint32_t rounded(float x) { return x == x ? (__float_as_uint(x) + 0x1000u) & ~0x1fffu : 0x7fc00000u; }
    static __device__ __forceinline__ void split(float x, uint32_t& high, uint32_t& low) {
        high = rounded(x);
        low = rounded(x - __uint_as_float(high));
    }
    static __device__ __forceinline__ A operand(float x0, float x1, float x2, float x3) {
        A a;
        split(x0, a.high[0], a.low[0]);
        split(x1, a.high[1], a.low[1]);
        split(x2, a.high[2], a.low[2]);
        split(x3, a.high[3], a.low[3]);
        return a;
    }
    static __device__ __forceinline__ B operand(float x0, float x1) {
        B b;
        split(x0, b.high[0], b.low[0]);
        split(x1, b.high[1], b.low[1]);
        return b;
    }
    static __device__ __forceinline__ A rows(const float* p, int stride) {
        const int lane = lane_index();
        p += lane / 4 * stride + lane % 4;
        return operand(p[0], p[8 * stride], p[4], p[8 * stride + 4]);
    }
    // A lane has columns 2 t and 2 t + 1 of the sums where an operand has t and t + 4: the depth is taken in that order, in stacked too.
    static __device__ __forceinline__ A from_sums(const float (*sums)[4]) {
        return operand(sums[0][0], sums[0][2], sums[0][1], sums[0][3]);
    }
    static __device__ __forceinline__ void columns(const float* p, int stride, B (&b)[2]) {
        const int lane = lane_index();
        p += lane / 4 * stride + lane % 4;
        b[0] = operand(p[0], p[4]);
        b[1] = operand(p[8 * stride], p[8 * stride + 4]);
    }
    static __device__ __forceinline__ void stacked(const float* p, int stride, B (&b)[2]) {
        const int lane = lane_index();
        p += lane % 4 * 2 * stride + lane / 4;
        b[0] = operand(p[0], p[stride]);
        b[1] = operand(p[8], p[stride + 8]);
    }
    // Tensor cores round what they add to toward zero (Ootomo and Yokota 2022): long sums are kept outside of them.
    static __device__ __forceinline__ void multiply_add(float (&sums)[4], const A& a, const B& b) {
        float part[4] = {0, 0, 0, 0};
        multiply_tf32(part, a.low, b.high);
        multiply_tf32(part, a.high, b.low);
        multiply_tf32(part, a.high, b.high);
#pragma unroll
        for (int i = 0; i < 4; i++) sums[i] += part[i];
    }
};

template <int Columns> __device__ __forceinline__ void clear(float (&sums)[Columns][4]) {
#pragma unroll
    for (int n = 0; n < Columns; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) sums[n][i] = 0;
}

// sums (16, 8 Columns) = rows (16, depth) times as many columns (8 Columns, depth).
template <class T, int Columns>
__device__ __forceinline__ void row_products(const T* rows, const T* columns, int stride, int depth, float (&sums)[Columns][4]) {
    using F = Fragments<T>;
    clear(sums);
#pragma unroll 2
    for (int k = 0; k < depth; k += F::Depth) {
        const auto a = F::rows(rows + k, stride);
#pragma unroll
        for (int n = 0; n < Columns; n += 2) {
            typename F::B b[2];
            F::columns(columns + n * 8 * stride + k, stride, b);
            F::multiply_add(sums[n], a, b[0]);
            F::multiply_add(sums[n + 1], a, b[1]);
        }
    }
}

// sums (16, width) += weights (16, 8 Depth) times a tile (8 Depth, width).
template <class T, int Depth, int Columns>
__device__ __forceinline__ void weight_products(const float (&weights)[Depth][4], const T* tile, int stride, int width,
                                                float (&sums)[Columns][4]) {
    using F = Fragments<T>;
#pragma unroll
    for (int k = 0; k < Depth; k += F::Depth / 8) {
        const auto a = F::from_sums(weights + k);
#pragma unroll
        for (int n = 0; n < Columns; n += 2)
            if (n * 8 < width) {
                typename F::B b[2];
                F::stacked(tile + k * 8 * stride + n * 8, stride, b);
                F::multiply_add(sums[n], a, b[0]);
                F::multiply_add(sums[n + 1], a, b[1]);
            }
    }
}

// A tile (Rows, Width) of rows of `size` elements, where(row) each, or none: zeros. Begun here, there after wait_copies<0> and a barrier.
template <class T, int Rows, int Width, int Threads, class Where>
__device__ __forceinline__ void load_tile(T* tile, int size, bool vectors, const Where& where) {
    constexpr int Chunk = 16 / sizeof(T), Chunks = Width / Chunk;
    static_assert(Rows * Chunks % Threads == 0);
#pragma unroll 4
    for (int i = threadIdx.x; i < Rows * Chunks; i += Threads) {
        const int row = i / Chunks, column = i % Chunks * Chunk;
        T* to = tile + row * TileStride<T, Width> + column;
        const T* from = where(row);
        if (vectors) copy_16(to, from ? from + column : from, from && column < size);
        else
            for (int j = 0; j < Chunk; j++) to[j] = from && column + j < size ? from[column + j] : from_float<T>(0);
    }
    close_copies();
}

// A warp's sums (16, width), each row times a factor of its own, to where(row): none where nothing is kept. T may be wider than a half.
template <class T, int Columns, class Where>
__device__ __forceinline__ void store_rows(const float (&sums)[Columns][4], int width, const float (&factors)[2], const Where& where) {
    const int lane = lane_index(), g = lane / 4, t = lane % 4;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        T* row = where(g + 8 * half);
        if (!row) continue;
#pragma unroll
        for (int n = 0; n < Columns; n++) {
            const int column = n * 8 + 2 * t;
            const float x = sums[n][2 * half] * factors[half], y = sums[n][2 * half + 1] * factors[half];
            if (column < width) row[column] = from_float<T>(x);
            if (column + 1 < width) row[column + 1] = from_float<T>(y);
        }
    }
}

}  // namespace tt::device
