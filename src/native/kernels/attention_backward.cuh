// Attention's gradients on a GPU: scores are computed again, a tile at a time, from the sums that forward kept. Gradients of queries, of
// keys and values, of a bias and of terms by distance are separate passes, in each of which a block owns what it sums: no atomics, so
// the same bits each time.
#pragma once
#include "attention_forward.cuh"

namespace tt::device {

template <class T, int Width> struct BackwardTile {
    static constexpr bool Large = Width * sizeof(T) > 512;
    static constexpr int Rows = Large ? 32 : 64, Columns = Width <= 64 ? 64 : Large ? 16 : 32, Threads = Rows * 2;
    static constexpr int Sums = Width <= 128 ? 2 : 1;   // gradients of keys and of values at once, or one after the other
    static constexpr size_t Shared = 2 * (TileSize<T, Rows, Width> + TileSize<T, Columns, Width>) * sizeof(T);
    static constexpr int Diagonals = Rows + Columns - 1;   // distances in a tile
};

// delta (B, H, Tq) = sum of dO O: a warp a row.
template <class T> __global__ void __launch_bounds__(128) attention_delta(const __grid_constant__ DeviceAttention a) {
    const int64_t rows = (int64_t)a.B * a.H * a.Tq, row = (int64_t)blockIdx.x * 4 + warp_index();
    if (row >= rows) return;
    const int q = row % a.Tq, h = row / a.Tq % a.H, b = row / a.Tq / a.H;
    const T *out = static_cast<const T*>(a.out) + (((int64_t)b * a.Tq + q) * a.H + h) * a.D, *dout = row_at<T>(a.dout, b, q, h);
    float sum = 0;
    for (int d = lane_index(); d < a.D; d += WarpSize) sum += to_float(out[d]) * to_float(dout[d]);
    sum = warp_sum(sum);
    if (lane_index() == 0) a.delta[row] = sum;
}

// A warp's products (16 rows, 8 Columns) become weights, as they were multiplied with values, and gradients of scores; of products where
// of_products, else of what is added to them. Rows are queries and columns keys, or the other way round.
template <bool KeysAreRows, int Columns>
__device__ __forceinline__ void softmax_gradient(const DeviceAttention& a, const Sight& s, int row, int column, bool cut, uint64_t seed,
                                                 bool of_products, float (&weights)[Columns][4], float (&gradients)[Columns][4]) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    const bool plain = !cut && are_plain(a);
    const float factor = a.scale * Log2E;
    Query queries[2];
    if constexpr (!KeysAreRows)
#pragma unroll
        for (int half = 0; half < 2; half++) queries[half] = query_of<true>(a, s, row + g + 8 * half);
#pragma unroll
    for (int n = 0; n < Columns; n++) {
        if constexpr (KeysAreRows)
#pragma unroll
            for (int j = 0; j < 2; j++) queries[j] = query_of<true>(a, s, column + n * 8 + 2 * t + j);
        unsigned numbers[4] = {};   // of the four places, 16 bits each
        if (a.drop_below)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                if constexpr (KeysAreRows) {
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        const unsigned pair = random_pair(a, s, seed, queries[j], row / 8 + half, g / 2);
                        numbers[2 * half + j] = g % 2 ? pair >> 16 : pair & 0xffff;
                    }
                } else {
                    const unsigned pair = random_pair(a, s, seed, queries[half], column / 8 + n, t);
                    numbers[2 * half] = pair & 0xffff;
                    numbers[2 * half + 1] = pair >> 16;
                }
            }
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int half = i / 2, j = i % 2;
            const Query& x = queries[KeysAreRows ? j : half];
            const int k = KeysAreRows ? row + g + 8 * half : column + n * 8 + 2 * t + j;
            float slope = 1;
            const float y = plain ? weights[n][i] * factor : score(a, s, x, k, cut, weights[n][i], slope);
            const float p = y == -infinity() ? 0 : exp2f(y - x.lse), kept = a.drop_below ? keep(a, numbers[i]) : 1;
            weights[n][i] = p * kept;
            const float gradient = p * (gradients[n][i] * kept - x.delta);
            gradients[n][i] = of_products ? gradient * slope : gradient;
        }
    }
}

template <class T> __device__ __forceinline__ int depth_of(const DeviceAttention& a) {
    return (a.D + Fragments<T>::Depth - 1) / Fragments<T>::Depth * Fragments<T>::Depth;
}

template <class T, int Width>
__global__ void __launch_bounds__(BackwardTile<T, Width>::Threads) attention_query_gradients(const __grid_constant__ DeviceAttention a) {
    using Tile = BackwardTile<T, Width>;
    constexpr int Stride = TileStride<T, Width>, Rows = Tile::Rows, Keys = Tile::Columns, Threads = Tile::Threads;
    T *queries = dynamic_shared<T>(), *gradients = queries + TileSize<T, Rows, Width>, *keys = gradients + TileSize<T, Rows, Width>,
      *values = keys + TileSize<T, Keys, Width>;
    const RowBlock block(a, a.Tq * a.group, Rows, true);
    const Sight s = sight_of(a, block.b, block.key_head * a.group, a.group);
    const int count = s.packed(a), last_row = min(block.row + Rows, count) - 1;
    const int first_query = block.row / s.group, last_query = last_row / s.group;
    const int own = block.row + warp_index() * 16, depth = depth_of<T>(a);
    const uint64_t seed = a.drop_below ? seed_of(a) : 0;
    float sums[Width / 8][4];
    clear(sums);
    load_tile<T, Rows, Width, Threads>(queries, a.D, a.vectors, QueryRows<T>{a.q, s, block.row, count});
    load_tile<T, Rows, Width, Threads>(gradients, a.D, a.vectors, QueryRows<T>{a.dout, s, block.row, count});
    KeyTiles tiles(a, s, first_query, last_query, Keys);
    for (tiles.skip_unseen(); tiles.k < tiles.keys.last; tiles.k += Keys, tiles.skip_unseen()) {
        load_tile<T, Keys, Width, Threads>(keys, a.D, a.vectors, KeyRows<T>{a, a.k, s, tiles.k, block.key_head});
        load_tile<T, Keys, Width, Threads>(values, a.D, a.vectors, KeyRows<T>{a, a.v, s, tiles.k, block.key_head});
        wait_copies<0>();
        __syncthreads();
        if (own < count) {
            float weights[Keys / 8][4], dscores[Keys / 8][4];
            row_products(queries + warp_index() * 16 * Stride, keys, Stride, depth, weights);
            row_products(gradients + warp_index() * 16 * Stride, values, Stride, depth, dscores);
            const bool cut = cut_by_position(a, s, first_query, last_query, tiles.k, tiles.k + Keys - 1) || last_row < own + 15;
            softmax_gradient<false>(a, s, own, tiles.k, cut, seed, true, weights, dscores);
            weight_products<T>(dscores, keys, Stride, a.D, sums);
        }
        __syncthreads();
    }
    wait_copies<0>();
    const float factors[2] = {a.scale, a.scale};
    store_rows<T>(sums, a.D, factors, [&](int i) -> T* {
        const int p = own + i;
        if (p >= count) return nullptr;
        return static_cast<T*>(a.dq) + (((int64_t)s.b * a.Tq + p / s.group) * a.H + s.first_head + p % s.group) * a.D;
    });
}

// Rows are keys, columns the queries of all heads that share them. With one sum at a time, values' gradients are those of blockIdx.y 0.
template <class T, int Width>
__global__ void __launch_bounds__(BackwardTile<T, Width>::Threads) attention_key_gradients(const __grid_constant__ DeviceAttention a) {
    using Tile = BackwardTile<T, Width>;
    constexpr int Stride = TileStride<T, Width>, Rows = Tile::Rows, Queries = Tile::Columns, Threads = Tile::Threads;
    T *keys = dynamic_shared<T>(), *values = keys + TileSize<T, Rows, Width>, *queries = values + TileSize<T, Rows, Width>,
      *gradients = queries + TileSize<T, Queries, Width>;
    const RowBlock block(a, a.Tk, Rows, false);
    const Sight s = sight_of(a, block.b, block.key_head * a.group, a.group);
    const int own = block.row + warp_index() * 16, depth = depth_of<T>(a), last_key = min(block.row + Rows, s.keys) - 1;
    const bool of_values = Tile::Sums == 2 || blockIdx.y == 0, of_keys = Tile::Sums == 2 || blockIdx.y == 1;
    const uint64_t seed = a.drop_below ? seed_of(a) : 0;
    float sums[Tile::Sums][Width / 8][4];
#pragma unroll
    for (int i = 0; i < Tile::Sums; i++) clear(sums[i]);
    load_tile<T, Rows, Width, Threads>(keys, a.D, a.vectors, KeyRows<T>{a, a.k, s, block.row, block.key_head});
    load_tile<T, Rows, Width, Threads>(values, a.D, a.vectors, KeyRows<T>{a, a.v, s, block.row, block.key_head});
    const Range seeing = seeing_queries(a, s, block.row, last_key);
    const int end = block.row < s.keys ? seeing.last * s.group : 0;
    Range codes{0, 0};
    if (a.key_codes) codes = codes_of(a.key_blocks, s.b, a.Tk, block.row, last_key);
    for (int p = seeing.first * s.group / Queries * Queries; p < end; p += Queries) {
        const int last = min(p + Queries, s.packed(a)) - 1;
        if (a.key_codes && apart(codes, codes_of(a.query_blocks, s.b, a.Tq, p / s.group, last / s.group))) continue;
        load_tile<T, Queries, Width, Threads>(queries, a.D, a.vectors, QueryRows<T>{a.q, s, p, s.packed(a)});
        load_tile<T, Queries, Width, Threads>(gradients, a.D, a.vectors, QueryRows<T>{a.dout, s, p, s.packed(a)});
        wait_copies<0>();
        __syncthreads();
        if (own <= last_key) {
            float weights[Queries / 8][4], dscores[Queries / 8][4];
            row_products(keys + warp_index() * 16 * Stride, queries, Stride, depth, weights);
            if (of_keys) row_products(values + warp_index() * 16 * Stride, gradients, Stride, depth, dscores);
            else clear(dscores);
            const bool cut = cut_by_position(a, s, p / s.group, last / s.group, block.row, block.row + Rows - 1) || last - p < Queries - 1;
            softmax_gradient<true>(a, s, own, p, cut, seed, true, weights, dscores);
            if (of_values) weight_products<T>(weights, gradients, Stride, a.D, sums[0]);
            if (of_keys) weight_products<T>(dscores, queries, Stride, a.D, sums[Tile::Sums - 1]);
        }
        __syncthreads();
    }
    wait_copies<0>();
    auto store = [&](const float (&x)[Width / 8][4], void* to, float factor) {
        const float factors[2] = {factor, factor};
        store_rows<T>(x, a.D, factors, [&](int i) -> T* {
            if (own + i >= a.Tk) return nullptr;
            return static_cast<T*>(to) + (((int64_t)s.b * a.Tk + own + i) * a.K + block.key_head) * a.D;
        });
    };
    if (of_values) store(sums[0], a.dv, 1);
    if (of_keys) store(sums[Tile::Sums - 1], a.dk, a.scale);
}

// Sums of gradients of scores over many tiles that lie alike: `sums` is a warp's part of a tile.
template <class T, int Width> struct ScoreGradients {
    using Tile = BackwardTile<T, Width>;
    static constexpr int Stride = TileStride<T, Width>, Rows = Tile::Rows, Keys = Tile::Columns, Threads = Tile::Threads;
    const DeviceAttention& a;
    float sums[Keys / 8][4];

    __device__ void add(int b, int head, int q, int k) {
        const Sight s = sight_of(a, b, head, 1);
        const int last = min(q + Rows, a.Tq) - 1, own = q + warp_index() * 16;
        const Range seen = seen_keys(a, s, q, last);
        if (k >= seen.last || k + Keys <= seen.first) return;
        if (a.key_codes && apart(codes_of(a.query_blocks, b, a.Tq, q, last),
                                 codes_of(a.key_blocks, b, a.Tk, k, min(k + Keys, s.keys) - 1))) return;
        T *queries = dynamic_shared<T>(), *gradients = queries + TileSize<T, Rows, Width>, *keys = gradients + TileSize<T, Rows, Width>,
          *values = keys + TileSize<T, Keys, Width>;
        load_tile<T, Rows, Width, Threads>(queries, a.D, a.vectors, QueryRows<T>{a.q, s, q, a.Tq});
        load_tile<T, Rows, Width, Threads>(gradients, a.D, a.vectors, QueryRows<T>{a.dout, s, q, a.Tq});
        load_tile<T, Keys, Width, Threads>(keys, a.D, a.vectors, KeyRows<T>{a, a.k, s, k, head / a.group});
        load_tile<T, Keys, Width, Threads>(values, a.D, a.vectors, KeyRows<T>{a, a.v, s, k, head / a.group});
        wait_copies<0>();
        __syncthreads();
        if (own < a.Tq) {
            float weights[Keys / 8][4], dscores[Keys / 8][4];
            const int depth = depth_of<T>(a);
            row_products(queries + warp_index() * 16 * Stride, keys, Stride, depth, weights);
            row_products(gradients + warp_index() * 16 * Stride, values, Stride, depth, dscores);
            const bool cut = cut_by_position(a, s, q, last, k, k + Keys - 1) || last < own + 15;
            softmax_gradient<false>(a, s, own, k, cut, a.drop_below ? seed_of(a) : 0, false, weights, dscores);
#pragma unroll
            for (int n = 0; n < Keys / 8; n++)
#pragma unroll
                for (int i = 0; i < 4; i++) sums[n][i] += dscores[n][i];
        }
        __syncthreads();
    }

    // Puts the tile into shared memory, Keys floats a row.
    __device__ float* gather() {
        float* tile = dynamic_shared<float>();
        const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
        for (int n = 0; n < Keys / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) tile[(warp_index() * 16 + g + i / 2 * 8) * Keys + n * 8 + 2 * t + i % 2] = sums[n][i];
        __syncthreads();
        return tile;
    }
};

// A block owns a tile of a bias's gradient, and sums over the batches, heads or queries that the bias has in common.
template <class T, int Width>
__global__ void __launch_bounds__(BackwardTile<T, Width>::Threads) attention_bias_gradient(const __grid_constant__ DeviceAttention a) {
    using S = ScoreGradients<T, Width>;
    S tile{a};
    clear(tile.sums);
    const int key_tiles = (a.Tk + S::Keys - 1) / S::Keys, k = blockIdx.x % key_tiles * S::Keys;
    const int query_tiles = a.bias_query ? (a.Tq + S::Rows - 1) / S::Rows : 1, heads = a.bias_head ? a.H : 1;
    const int q = blockIdx.x / key_tiles % query_tiles * S::Rows, h = blockIdx.x / key_tiles / query_tiles % heads;
    const int b = blockIdx.x / key_tiles / query_tiles / heads;
    for (int i = a.bias_batch ? b : 0; i < (a.bias_batch ? b + 1 : a.B); i++)
        for (int head = a.bias_head ? h : 0; head < (a.bias_head ? h + 1 : a.H); head++)
            for (int first = a.bias_query ? q : 0; first < (a.bias_query ? min(q + S::Rows, a.Tq) : a.Tq); first += S::Rows)
                tile.add(i, head, first, k);
    const float* sums = tile.gather();
    float* to = a.dbias + ((int64_t)b * heads + h) * (a.bias_query ? a.Tq : 1) * a.Tk;
    for (int i = threadIdx.x; i < (a.bias_query ? S::Rows : 1) * S::Keys; i += S::Threads) {
        const int row = i / S::Keys, key = i % S::Keys;
        if (k + key >= a.Tk || (a.bias_query && q + row >= a.Tq)) continue;
        float sum = sums[i];
        if (!a.bias_query)
            for (int other = 1; other < S::Rows; other++) sum += sums[other * S::Keys + key];
        to[(int64_t)(q + row) * a.Tk + k + key] = sum;
    }
}

// Tiles on one diagonal hold the same distances: a block sums those of a head and a diagonal. Diagonal d's tiles have queries from q and
// keys from q - (d - key tiles + 1) Keys.
template <class T, int Width> __host__ __device__ inline int diagonals_of(const DeviceAttention& a) {
    using Tile = BackwardTile<T, Width>;
    return (a.Tk + Tile::Columns - 1) / Tile::Columns + Tile::Rows / Tile::Columns * ((a.Tq + Tile::Rows - 1) / Tile::Rows - 1);
}
template <class T, int Width>
__global__ void __launch_bounds__(BackwardTile<T, Width>::Threads) attention_diagonal_gradients(const __grid_constant__ DeviceAttention a) {
    using S = ScoreGradients<T, Width>;
    constexpr int Distances = BackwardTile<T, Width>::Diagonals;
    S tile{a};
    clear(tile.sums);
    const int diagonals = diagonals_of<T, Width>(a), h = blockIdx.x / diagonals, d = blockIdx.x % diagonals;
    const int key_tiles = (a.Tk + S::Keys - 1) / S::Keys, behind = (d - (key_tiles - 1)) * S::Keys;
    for (int b = 0; b < a.B; b++)
        for (int q = 0; q < a.Tq; q += S::Rows) {
            const int k = q - behind;
            if (k >= 0 && k < a.Tk) tile.add(b, h, q, k);
        }
    const float* sums = tile.gather();
    for (int i = threadIdx.x; i < Distances; i += S::Threads) {   // query - key = i - (Keys - 1) within the tile
        float sum = 0;
        for (int key = max(0, S::Keys - 1 - i); key < min(S::Keys, S::Rows + S::Keys - 1 - i); key++)
            sum += sums[(i - (S::Keys - 1) + key) * S::Keys + key];
        a.diagonals[(int64_t)blockIdx.x * Distances + i] = sum;
    }
}
template <class T, int Width>
__global__ void __launch_bounds__(128) attention_distance_gradient(const __grid_constant__ DeviceAttention a) {
    using Tile = BackwardTile<T, Width>;
    constexpr int Distances = Tile::Diagonals;
    const int all = a.Tq + a.Tk - 1, diagonals = diagonals_of<T, Width>(a), key_tiles = (a.Tk + Tile::Columns - 1) / Tile::Columns;
    const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (int64_t)a.H * all) return;
    const int h = i / all, distance = i % all - (a.Tk - 1);   // query - key, of their numbers
    // Diagonal d holds distances from (d - key_tiles + 1) Columns - (Columns - 1) on.
    const int first = distance + (Tile::Columns - 1) + (key_tiles - 1) * Tile::Columns;   // its place on diagonal 0
    float sum = 0;
    for (int d = max(0, first / Tile::Columns - (Distances - 1) / Tile::Columns - 1); d < diagonals && d * Tile::Columns <= first; d++)
        if (first - d * Tile::Columns < Distances)
            sum += a.diagonals[((int64_t)h * diagonals + d) * Distances + first - d * Tile::Columns];
    a.ddistance[i] = sum;
}

}  // namespace tt::device
