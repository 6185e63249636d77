// Attention on a GPU, forward: FlashAttention-2 (Dao, 2023). A block has 64 rows, each a query of one of the heads that share a key head,
// and goes over the tiles of keys that any of them sees; a warp has 16 of the rows.
#pragma once
#include "attention_scores.cuh"
#include "attention_tile.cuh"

namespace tt::device {

// Width: the head size, filled up.
template <class T, int Width> struct ForwardTile {
    static constexpr int Rows = 64, Threads = Rows * 2;
    static constexpr int Keys = Width <= 128 ? 64 : sizeof(T) == 2 ? 32 : 16;   // what registers and 99 KB of shared memory hold
    static constexpr size_t Shared = (TileSize<T, Rows, Width> + 2 * TileSize<T, Keys, Width>) * sizeof(T);
};

// Where a block of the grid stands: blocks of rows, then heads. With causality the last queries see most, and begin first.
struct RowBlock {
    int b, key_head, row;
    __device__ RowBlock(const DeviceAttention& a, int rows, int size, bool last_first) {
        const int blocks = (rows + size - 1) / size, heads = a.B * a.K, head = blockIdx.x % heads, i = blockIdx.x / heads;
        b = head / a.K;
        key_head = head % a.K;
        row = (last_first ? blocks - 1 - i : i) * size;
    }
};

template <class T> __device__ __forceinline__ const T* row_at(const HeadsView& x, int b, int64_t time, int head) {
    return static_cast<const T*>(x.data) + b * x.batch + time * x.time + head * x.head;
}
// Rows of queries, by their number among those that share a key head.
template <class T> struct QueryRows {
    const HeadsView& x;
    const Sight& s;
    int first, count;
    __device__ const T* operator()(int i) const {
        const int p = first + i;
        return p < count ? row_at<T>(x, s.b, p / s.group, s.first_head + p % s.group) : nullptr;
    }
};
template <class T> struct KeyRows {
    const DeviceAttention& a;
    const HeadsView& x;
    const Sight& s;
    int first, head, least = 0;   // what lies before the least is not read: pages may be gone
    __device__ const T* operator()(int i) const {
        const int k = first + i;
        if (k >= s.keys || k < least) return nullptr;
        if (!a.table) return row_at<T>(x, s.b, k, head);
        return row_at<T>(x, 0, a.table[(int64_t)s.b * a.pages + k / a.page] * a.page + k % a.page, head);
    }
};

// Goes over the tiles of `size` keys that a block of rows sees.
struct KeyTiles {
    const DeviceAttention& a;
    const Sight& s;
    Range keys, codes;
    int size, k;
    __device__ KeyTiles(const DeviceAttention& a, const Sight& s, int first_query, int last_query, int size)
        : a(a), s(s), keys(seen_keys(a, s, first_query, last_query)), codes{0, 0}, size(size) {
        if (a.query_codes) codes = codes_of(a.query_blocks, s.b, a.Tq, first_query, last_query);
        k = keys.first / size * size;
    }
    // Of all tiles, the part that falls to this of several blocks.
    __device__ void split(int part, int parts) {
        const int tiles = max(0, (keys.last - k + size - 1) / size), first = k;
        k = first + (int)((int64_t)tiles * part / parts) * size;
        keys.last = min(keys.last, first + (int)((int64_t)tiles * (part + 1) / parts) * size);
    }
    __device__ int last_key() const { return min(k + size, s.keys) - 1; }
    __device__ void skip_unseen() {
        if (!a.key_codes) return;
        while (k < keys.last && apart(codes, codes_of(a.key_blocks, s.b, a.Tk, k, last_key()))) k += size;
    }
};

// One tile's scores become weights; m, l: the maximum and sum so far of a lane's two rows, the sum over its own columns alone.
template <int Columns, int OutColumns>
__device__ __forceinline__ void softmax_step(const DeviceAttention& a, const Sight& s, const Query (&rows)[2], int k0, bool cut,
                                             uint64_t seed, float (&x)[Columns][4], float (&m)[2], float (&l)[2],
                                             float (&out)[OutColumns][4]) {
    const int t = lane_index() % 4;
    const bool plain = !cut && are_plain(a);
    const float factor = a.scale * Log2E;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float highest = m[half], unused;
#pragma unroll
        for (int n = 0; n < Columns; n++)
#pragma unroll
            for (int j = 0; j < 2; j++) {
                float& y = x[n][2 * half + j];
                y = plain ? y * factor : score(a, s, rows[half], k0 + n * 8 + 2 * t + j, cut, y, unused);
                highest = fmaxf(highest, y);
            }
        highest = warp_max<4>(highest);
        const float base = highest == -infinity() ? 0 : highest, shrink = exp2f(m[half] - base);
        m[half] = highest;
        float sum = l[half] * shrink;
#pragma unroll
        for (int n = 0; n < Columns; n++) {
            float p[2];
#pragma unroll
            for (int j = 0; j < 2; j++) {
                p[j] = exp2f(x[n][2 * half + j] - base);
                sum += p[j];
            }
            if (a.drop_below) {
                const unsigned numbers = random_pair(a, s, seed, rows[half], k0 / 8 + n, t);
                p[0] *= keep(a, numbers & 0xffff);
                p[1] *= keep(a, numbers >> 16);
            }
            x[n][2 * half] = p[0];
            x[n][2 * half + 1] = p[1];
        }
        l[half] = sum;
#pragma unroll
        for (int n = 0; n < OutColumns; n++)
#pragma unroll
            for (int j = 0; j < 2; j++) out[n][2 * half + j] *= shrink;
    }
}

template <class T, int Width>
__global__ void __launch_bounds__(ForwardTile<T, Width>::Threads) attention_forward(const __grid_constant__ DeviceAttention a) {
    using Tile = ForwardTile<T, Width>;
    constexpr int Stride = TileStride<T, Width>, Rows = Tile::Rows, Keys = Tile::Keys, Threads = Tile::Threads;
    T *queries = dynamic_shared<T>(), *keys = queries + TileSize<T, Rows, Width>, *values = keys + TileSize<T, Keys, Width>;
    const RowBlock block(a, a.Tq * a.group, Rows, true);
    const Sight s = sight_of(a, block.b, block.key_head * a.group, a.group);
    const int count = s.packed(a), last_row = min(block.row + Rows, count) - 1;
    const int first_query = block.row / s.group, last_query = last_row / s.group;
    const int own = block.row + warp_index() * 16, g = lane_index() / 4;   // this warp's first row
    const Query rows[2] = {query_of<false>(a, s, own + g), query_of<false>(a, s, own + g + 8)};
    const uint64_t seed = a.drop_below ? seed_of(a) : 0;
    const int depth = (a.D + Fragments<T>::Depth - 1) / Fragments<T>::Depth * Fragments<T>::Depth;
    float out[Width / 8][4], m[2] = {-infinity(), -infinity()}, l[2] = {0, 0};
    clear(out);

    KeyTiles tiles(a, s, first_query, last_query, Keys);
    tiles.split(blockIdx.y, a.splits);
    tiles.skip_unseen();
    auto load = [&](T* tile, const HeadsView& x) {
        load_tile<T, Keys, Width, Threads>(tile, a.D, a.vectors, KeyRows<T>{a, x, s, tiles.k, block.key_head, tiles.keys.first});
    };
    load_tile<T, Rows, Width, Threads>(queries, a.D, a.vectors, QueryRows<T>{a.q, s, block.row, count});
    if (tiles.k < tiles.keys.last) load(keys, a.k);
    while (tiles.k < tiles.keys.last) {
        wait_copies<0>();
        __syncthreads();   // keys are there, and nobody reads the values of before
        load(values, a.v);
        float weights[Keys / 8][4];
        if (own < count) {
            row_products(queries + warp_index() * 16 * Stride, keys, Stride, depth, weights);
            const bool cut = cut_by_position(a, s, first_query, last_query, tiles.k, tiles.k + Keys - 1) || last_row < own + 15;
            softmax_step(a, s, rows, tiles.k, cut, seed, weights, m, l, out);
        }
        wait_copies<0>();
        __syncthreads();   // values are there, and nobody reads the keys
        tiles.k += Keys;
        tiles.skip_unseen();
        if (tiles.k < tiles.keys.last) load(keys, a.k);
        if (own < count) weight_products<T>(weights, values, Stride, a.D, out);
    }
    wait_copies<0>();

    float factors[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        l[half] = warp_sum<4>(l[half]);
        factors[half] = l[half] > 0 ? 1 / l[half] : 0;
        if (own + g + 8 * half >= count || lane_index() % 4) continue;
        const float lse = l[half] > 0 ? m[half] + log2f(l[half]) : -infinity();   // in powers of two
        const int64_t at = ((int64_t)s.b * a.H + rows[half].h) * a.Tq + rows[half].q;
        if (a.splits > 1) a.parts[(blockIdx.y * (int64_t)a.B * a.H * a.Tq + at) * (a.D + 1) + a.D] = lse;
        else if (a.lse) a.lse[at] = lse * Ln2;
    }
    if (a.splits > 1)
        store_rows<float>(out, a.D, factors, [&](int i) -> float* {
            if (own + i >= count) return nullptr;
            const Query& x = rows[i / 8];
            return a.parts + ((blockIdx.y * (int64_t)a.B + s.b) * a.H * a.Tq + (int64_t)x.h * a.Tq + x.q) * (a.D + 1);
        });
    else
        store_rows<T>(out, a.D, factors, [&](int i) -> T* {
            if (own + i >= count) return nullptr;
            const Query& x = rows[i / 8];
            return static_cast<T*>(a.out) + (((int64_t)s.b * a.Tq + x.q) * a.H + x.h) * a.D;
        });
}

// Joins the splits of each row: a warp a row.
template <class T> __global__ void __launch_bounds__(128) attention_join(const __grid_constant__ DeviceAttention a) {
    const int64_t rows = (int64_t)a.B * a.H * a.Tq, row = (int64_t)blockIdx.x * 4 + warp_index();
    if (row >= rows) return;
    const float* parts = a.parts + row * (a.D + 1);
    const int64_t step = rows * (a.D + 1);
    float highest = -infinity(), total = 0;
    for (int i = 0; i < a.splits; i++) highest = fmaxf(highest, parts[i * step + a.D]);
    const float base = highest == -infinity() ? 0 : highest;
    for (int i = 0; i < a.splits; i++) total += exp2f(parts[i * step + a.D] - base);
    const int q = row % a.Tq, h = row / a.Tq % a.H, b = row / a.Tq / a.H;
    T* out = static_cast<T*>(a.out) + (((int64_t)b * a.Tq + q) * a.H + h) * a.D;
    for (int d = lane_index(); d < a.D; d += WarpSize) {
        float sum = 0;
        for (int i = 0; i < a.splits; i++) {
            const float weight = exp2f(parts[i * step + a.D] - base);
            if (weight > 0) sum += weight * parts[i * step + d];
        }
        out[d] = from_float<T>(total > 0 ? sum / total : 0);
    }
    if (a.lse && lane_index() == 0) a.lse[row] = total > 0 ? (highest + log2f(total)) * Ln2 : -infinity();
}

}  // namespace tt::device
