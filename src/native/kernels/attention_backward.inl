// Attention's gradients: scores are computed again, a block at a time, from the sums that forward kept (Dao et al., 2022). Queries
// outside, keys inside: dQ of a block stays at hand, dK and dV of a task's queries sum up in memory of its own.
#pragma once
#include "attention_forward.inl"

namespace tt::TT_NAMESPACE {

constexpr int64_t Diagonals = BQ + BK;   // distances that occur in a block, and one more

static int64_t backward_scratch(const AttentionShape& s, bool distance_gradient) {
    int64_t P = padded_size(s.D), keys = whole_blocks(s.Tk);
    return 5 * keys * P + 5 * BQ * P + 6 * BK * BQ + 3 * BQ + (distance_gradient ? L * Diagonals : 0);
}

// From scores and the products dO V^T: weights (as they were multiplied with V) and gradients of the scores, in place.
static void softmax_gradient(const Block& block, float factor, const float* keep, const float* lse, const float* delta, float* scores,
                             float* dscores) {
    for (int64_t j = 0; j < block.vectors(); j++) {
        vf base = load(lse + j * L), shift = load(delta + j * L);
        for (int64_t k = 0; k < block.keys; k++) {
            int64_t i = k * BQ + j * L;
            vf p = vexp2(load(scores + i) * factor - base), dp = load(dscores + i), kept = p;
            if (keep) {
                dp *= load(keep + i);
                kept *= load(keep + i);
            }
            store(scores + i, kept);
            store(dscores + i, p * (dp - shift));
        }
    }
}

static void keep_bias_gradient(const AttentionBackward& a, const Block& block, const float* dscores) {
    const AttentionShape& s = a.shape;
    float* rows = a.dbias + ((block.b * s.H + block.h) * s.Tq + block.q0) * s.Tk + block.k0;
    for (int64_t k = 0; k < block.keys; k += L)
        for (int64_t q = 0; q < block.count; q += L) {
            vf r[L];
            for (int64_t i = 0; i < L; i++) r[i] = k + i < block.keys ? load(dscores + (k + i) * BQ + q) : splat(0);
            transpose(r);
            for (int64_t i = 0; i < L && q + i < block.count; i++) store_part(rows + (q + i) * s.Tk + k, r[i], block.keys - k);
        }
}

// Sums along the diagonals of a block into the distances' gradient. Each key's row lies one place further: L rows, L sums, joined at the
// end, so that what is stored is not loaded again at another alignment.
static void keep_distance_gradient(const AttentionShape& s, const Block& block, const float* dscores, float* sums, float* ddistance) {
    std::fill(sums, sums + L * Diagonals, 0.0f);
    for (int64_t k = 0; k < block.keys; k++)
        for (int64_t j = 0; j < block.vectors(); j++) {
            float* p = sums + k % L * Diagonals + (BK - L - k / L * L) + j * L;
            store(p, load(p) + load(dscores + k * BQ + j * L));
        }
    // sums[r][i] belongs to the distance (BK - L) - i behind row r's first: place i - r of those from block distance -(BK - 1) on
    float* first = ddistance + s.offset() + block.q0 - block.k0 + s.Tq - 1 - (BK - L);
    for (int64_t r = 0; r < L; r++)
        for (int64_t i = 0; i < BK - L + BQ; i += L) store(first + i - r, load(first + i - r) + load(sums + r * Diagonals + i));
}

static void scale_by(const Block& block, const float* slopes, float* dscores) {
    for_scores(block, dscores, [&](int64_t k, int64_t j, vf x) { return x * load(slopes + k * BQ + j * L); });
}

// Rows of keys as cells along the queries (for dK, dV), and stacked by keys (for dQ).
template <class Cell> static const Cell* along_queries(const Block& block, const float* x, float* room) {
    if constexpr (Depth<Cell> == 1) return x;
    else {
        bf16* y = reinterpret_cast<bf16*>(room);
        for (int64_t k = 0; k < block.keys; k++)
            for (int64_t j = 0; j < block.vectors(); j++) store(y + k * BQ + j * L, load(x + k * BQ + j * L));
        return reinterpret_cast<const Cell*>(room);
    }
}
template <class Cell> static const Cell* along_keys(const Block& block, const float* x, float* room) {
    if constexpr (Depth<Cell> == 1) return x;
    else {
        for (int64_t k = 0; k < block.keys; k += 2)
            for (int64_t j = 0; j < block.vectors(); j++) {
                const float* p = x + k * BQ + j * L;
                store(reinterpret_cast<Cell*>(room) + k / 2 * BQ + j * L,
                      stack_cells<Cell>(load(p), k + 1 < block.keys ? load(p + BQ) : splat(0)));
            }
        return reinterpret_cast<const Cell*>(room);
    }
}

// sums (keys, P) += weights (keys, queries) times stacked rows of queries (queries, P).
template <class Cell>
static void query_products(const Block& block, const Diagonal& diagonal, const Cell* weights, const Cell* rows, int64_t P, float* sums) {
    constexpr int64_t row = BQ / Depth<Cell>, whole = TT_MATRIX ? L * Depth<Cell> : L;
    const int64_t strip = diagonal.strip(block.keys);
    for (int64_t k = 0; k < block.keys; k += strip) {
        int64_t q = diagonal.first_query(k) / whole * whole;
        if (q < block.count)
            product(std::min(strip, block.keys - k), P / L, cells<Cell>(block.count - q), weights + k * row + q / Depth<Cell>, row,
                    rows + q / Depth<Cell> * P, P, sums + k * P, P, true);
    }
}

// delta = sum of dO O over the size, and lse in powers of two; a row without keys, and one past the end, gets weights of zero.
template <class T>
static void row_constants(const AttentionBackward& a, const Block& block, const T* out, const T* dout, float* lse, float* delta) {
    const AttentionShape& s = a.shape;
    const float* kept = a.lse + (block.b * s.H + block.h) * s.Tq + block.q0;
    for (int64_t i = 0; i < BQ; i++) {
        lse[i] = i < block.count && kept[i] > -Infinity ? kept[i] * Log2E : Infinity;
        vf total = splat(0);
        if (i < block.count)
            for (int64_t d = 0; d < s.D; d += L)
                total += load_part(out + i * a.out.time + d, s.D - d) * load_part(dout + i * a.dout.time + d, s.D - d);
        delta[i] = sum(total);
    }
}

template <class T>
static void store_key_gradients(const AttentionBackward& a, int64_t b, int64_t key_head, const float* dk, const float* dv) {
    const AttentionShape& s = a.shape;
    int64_t P = padded_size(s.D);
    unpack_rows(dk, P, s.Tk, s.D, s.scale, at<T>(a.dk.data, b * a.dk.batch + key_head * a.dk.head), a.dk.time);
    unpack_rows(dv, P, s.Tk, s.D, 1.0f, at<T>(a.dv.data, b * a.dv.batch + key_head * a.dv.head), a.dv.time);
}

template <class T, class Cell> static void backward_typed(const AttentionBackward& a, const AttentionTask& task, float* scratch) {
    const AttentionShape& s = a.shape;
    const int64_t b = task.b, D = s.D, P = padded_size(D), row = row_of<Cell>(D), depth = cells<Cell>(D), room = whole_blocks(s.Tk) * P;
    auto take = [&scratch](int64_t n) { float* p = scratch; scratch += n; return p; };
    [[maybe_unused]] const UnitsOf<Cell> units;
    Cell *keys = (Cell*)take(room), *values = (Cell*)take(room), *key_columns = (Cell*)take(room);
    Cell *q_t = (Cell*)take(BQ * P), *do_t = (Cell*)take(BQ * P), *q_stacked = (Cell*)take(BQ * P), *do_stacked = (Cell*)take(BQ * P);
    float *dq = take(BQ * P), *scores = take(BK * BQ), *dscores = take(BK * BQ), *slopes = take(BK * BQ), *factors = take(BK * BQ);
    float *room_p = take(BK * BQ), *room_ds = take(BK * BQ), *lse = take(BQ), *delta = take(BQ);
    float *sums = a.ddistance ? take(L * Diagonals) : nullptr, *dk = take(room), *dv = dk + s.Tk * P;
    if (a.partial) dk = a.partial + (((b * s.K + task.key_head) * a.pieces + task.piece) * 2) * s.Tk * P, dv = dk + s.Tk * P;
    std::fill(dk, dk + 2 * s.Tk * P, 0.0f);
    std::fill(dscores, dscores + BK * BQ, 0.0f);   // what causality cuts off is multiplied by a weight of zero

    int64_t begin = visible_keys(s, b, task.first * BQ, BQ).first;
    int64_t end = visible_keys(s, b, task.first * BQ, std::min(task.last * BQ, s.Tq) - task.first * BQ).last;
    const T* k = at<T>(a.k.data, b * a.k.batch + begin * a.k.time + task.key_head * a.k.head);
    const T* v = at<T>(a.v.data, b * a.v.batch + begin * a.v.time + task.key_head * a.v.head);
    pack_rows(k, a.k.time, end - begin, D, keys + begin * row, row);
    pack_rows(v, a.v.time, end - begin, D, values + begin * row, row);
    pack_columns(k, a.k.time, end - begin, D, BK, key_columns + begin / Depth<Cell> * D);

    for (int64_t h = task.key_head * s.group(); h < (task.key_head + 1) * s.group(); h++)
        for (int64_t q0 = task.first * BQ; q0 < std::min(task.last * BQ, s.Tq); q0 += BQ) {
            Block block{b, h, q0, std::min(BQ, s.Tq - q0), 0, 0};
            const T* q = at<T>(a.q.data, b * a.q.batch + q0 * a.q.time + h * a.q.head);
            const T* dout = at<T>(a.dout.data, b * a.dout.batch + q0 * a.dout.time + h * a.dout.head);
            pack_transposed(q, a.q.time, block.count, D, BQ, q_t);
            pack_transposed(dout, a.dout.time, block.count, D, BQ, do_t);
            pack_stacked(q, a.q.time, block.count, D, q_stacked, P);
            pack_stacked(dout, a.dout.time, block.count, D, do_stacked, P);
            row_constants(a, block, at<T>(a.out.data, b * a.out.batch + q0 * a.out.time + h * a.out.head), dout, lse, delta);
            std::fill(dq, dq + BQ * P, 0.0f);
            Range range = visible_keys(s, b, q0, block.count), documents{};
            if (s.documents) documents = documents_of(s, b, q0, block.count);
            for (int64_t k0 = range.first; k0 < range.last; k0 += BK) {
                if (s.documents && apart(s, b, documents, k0)) continue;
                block.k0 = k0; block.keys = std::min(BK, range.last - k0);
                const Diagonal diagonal(s, block);
                key_products(block, diagonal, depth, keys, row, q_t, scores);
                float factor = finish_scores(s, block, scores, slopes);
                hide_outside(s, block, scores);
                if (s.drop_below) dropout_factors(s, block, factors);
                key_products(block, diagonal, depth, values, row, do_t, dscores);
                softmax_gradient(block, factor, s.drop_below ? factors : nullptr, lse, delta, scores, dscores);
                if (a.dbias) keep_bias_gradient(a, block, dscores);
                if (a.ddistance)
                    keep_distance_gradient(s, block, dscores, sums, a.ddistance +
                        (((b * s.K + task.key_head) * a.pieces + task.piece) * s.group() + h % s.group()) * s.distance_row());
                if (s.soft_cap > 0) scale_by(block, slopes, dscores);
                query_products(block, diagonal, along_queries<Cell>(block, scores, room_p), do_stacked, P, dv + k0 * P);
                query_products(block, diagonal, along_queries<Cell>(block, dscores, room_ds), q_stacked, P, dk + k0 * P);
                key_sums(block, diagonal, D, key_columns, along_keys<Cell>(block, dscores, room_p), dq);
            }
            std::fill(delta, delta + BQ, s.scale);
            unpack_transposed(dq, BQ, delta, block.count, D, at<T>(a.dq.data, b * a.dq.batch + q0 * a.dq.time + h * a.dq.head), a.dq.time);
        }
    if (!a.partial) store_key_gradients<T>(a, b, task.key_head, dk, dv);
}

static void attention_backward(const AttentionBackward& a, const AttentionTask& task, float* scratch) {
    if (a.shape.type == Type::f32) backward_typed<float, float>(a, task, scratch);
    else backward_typed<bf16, Bf16Cell>(a, task, scratch);
}

// Sums what the pieces of one head's queries gave its keys and values, in order.
static void join_backward(const AttentionBackward& a, int64_t b, int64_t key_head) {
    const AttentionShape& s = a.shape;
    int64_t n = 2 * s.Tk * padded_size(s.D);
    float* first = a.partial + (b * s.K + key_head) * a.pieces * n;
    for (int64_t piece = 1; piece < a.pieces; piece++)
        for (int64_t i = 0; i < n; i += L) store(first + i, load(first + i) + load(first + piece * n + i));
    TT_BY_TYPE(s.type, T, store_key_gradients<T>(a, b, key_head, first, first + n / 2))
}

}  // namespace tt::TT_NAMESPACE
