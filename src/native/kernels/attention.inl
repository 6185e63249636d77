// Attention with a running softmax (Milakov and Gimelshein 2018; Dao et al. 2022), scores kept transposed: the lanes of a vector are
// queries, so the softmax needs no horizontal sums and K, V are read in place, by scalars. Memory is linear in the length.
#pragma once
#include <algorithm>

#include "tile.inl"

namespace tt::TT_NAMESPACE {

constexpr int64_t BQ = 4 * L;   // queries of a block
constexpr int64_t BK = 64;      // keys of a block
constexpr float Infinity = __builtin_inff();

struct KeyRange { int64_t first, last; };

// The keys that any query of [q0, q0 + count) sees. Query q stands at position q + (Tk - Tq); a window without causality is symmetric.
static KeyRange visible_keys(const AttentionShape& s, int64_t b, int64_t q0, int64_t count) {
    int64_t position = q0 + s.Tk - s.Tq, end = position + count;
    int64_t last = s.key_lengths ? std::min(s.key_lengths[b], s.Tk) : s.Tk;
    if (s.causal) last = std::min(last, end);
    else if (s.window > 0) last = std::min(last, end - 1 + s.window);
    int64_t first = s.window > 0 ? std::max<int64_t>(0, position - s.window + 1) : 0;
    return {first, std::max(last, first)};
}

static bool needs_mask(const AttentionShape& s, int64_t q0, int64_t count, int64_t k0, int64_t keys) {
    int64_t position = q0 + s.Tk - s.Tq;
    return (s.causal && k0 + keys - 1 > position) ||
           (s.window > 0 && (k0 <= position + count - 1 - s.window || (!s.causal && k0 + keys - 1 >= position + s.window)));
}

static void mask_scores(const AttentionShape& s, int64_t q0, int64_t vectors, int64_t k0, int64_t keys, float* scores) {
    vi lane;
    for (int i = 0; i < L; i++) lane[i] = i;
    for (int64_t k = 0; k < keys; k++)
        for (int64_t j = 0; j < vectors; j++) {
            vi behind = lane + (int32_t)(q0 + s.Tk - s.Tq + j * L - (k0 + k));   // how far the key lies behind the query
            vf x = load(scores + k * BQ + j * L);
            if (s.causal) x = behind < 0 ? splat(-Infinity) : x;
            if (s.window > 0) {
                x = behind >= (int32_t)s.window ? splat(-Infinity) : x;
                if (!s.causal) x = behind <= -(int32_t)s.window ? splat(-Infinity) : x;
            }
            store(scores + k * BQ + j * L, x);
        }
}

static void add_bias(const AttentionShape& s, int64_t b, int64_t h, int64_t q0, int64_t count, int64_t k0, int64_t keys, float* scores) {
    const float* bias = s.bias + b * s.bias_strides[0] + h * s.bias_strides[1] + q0 * s.bias_strides[2] + k0 * s.bias_strides[3];
    for (int64_t k = 0; k < keys; k++)
        for (int64_t q = 0; q < count; q++) scores[k * BQ + q] += bias[q * s.bias_strides[2] + k * s.bias_strides[3]];
}

// Scores after the soft cap, the bias and the mask, from scaled products.
static void finish_scores(const AttentionShape& s, int64_t b, int64_t h, int64_t q0, int64_t count, int64_t k0, int64_t keys,
                          float* scores) {
    int64_t vectors = (count + L - 1) / L;
    if (s.soft_cap > 0)
        for (int64_t k = 0; k < keys; k++)
            for (int64_t j = 0; j < vectors; j++) {
                float* p = scores + k * BQ + j * L;
                store(p, s.soft_cap * vtanh(load(p) * (1 / s.soft_cap)));
            }
    if (s.bias) add_bias(s, b, h, q0, count, k0, keys, scores);
    if (needs_mask(s, q0, count, k0, keys)) mask_scores(s, q0, vectors, k0, keys, scores);
}

// K or V of one head as rows of floats: in place, or converted into scratch.
static const float* rows_as_float(const float* x, int64_t stride, int64_t, int64_t, float*&, int64_t& row) { row = stride; return x; }
static const float* rows_as_float(const bf16* x, int64_t stride, int64_t rows, int64_t width, float*& scratch, int64_t& row) {
    const float* packed = scratch;
    row = (width + L - 1) / L * L;
    pack_rows(x, stride, rows, width, scratch, row);
    scratch += rows * row;
    return packed;
}

static int64_t padded_size(const AttentionShape& s) { return (s.D + L - 1) / L * L; }

static int64_t attention_scratch(const AttentionShape& s) {
    return 2 * s.Tk * padded_size(s) + 2 * padded_size(s) * BQ + BK * BQ + 2 * BQ;
}

// One block of scores: updates the running maximum m and sum l, leaves exponentials in scores and rescales the output so far.
static void softmax_step(int64_t vectors, int64_t keys, int64_t width, float* scores, float* m, float* l, float* out) {
    for (int64_t j = 0; j < vectors; j++) {
        float* column = scores + j * L;
        vf before = load(m + j * L), highest = before;
        for (int64_t k = 0; k < keys; k++) highest = vmax(highest, load(column + k * BQ));
        vf base = highest == -Infinity ? splat(0) : highest;
        vf shrink = vexp(before - base), total = load(l + j * L) * shrink;
        for (int64_t k = 0; k < keys; k++) {
            vf p = vexp(load(column + k * BQ) - base);
            store(column + k * BQ, p);
            total += p;
        }
        store(m + j * L, highest);
        store(l + j * L, total);
        for (int64_t d = 0; d < width; d++) store(out + d * BQ + j * L, load(out + d * BQ + j * L) * shrink);
    }
}

template <class T>
static void attention_forward_typed(const AttentionForward& a, int64_t b, int64_t key_head, int64_t first, int64_t last, float* scratch) {
    const AttentionShape& s = a.shape;
    const int64_t D = s.D, group = s.H / s.K, P = padded_size(s);
    int64_t k_row, v_row;
    const float* keys = rows_as_float(at<T>(a.k.data, b * a.k.batch + key_head * a.k.head), a.k.time, s.Tk, D, scratch, k_row);
    const float* values = rows_as_float(at<T>(a.v.data, b * a.v.batch + key_head * a.v.head), a.v.time, s.Tk, D, scratch, v_row);
    float *query = scratch, *out = query + P * BQ, *scores = out + P * BQ, *m = scores + BK * BQ, *l = m + BQ;
    for (int64_t h = key_head * group; h < (key_head + 1) * group; h++)
        for (int64_t q0 = first * BQ; q0 < std::min(last * BQ, s.Tq); q0 += BQ) {
            int64_t count = std::min(BQ, s.Tq - q0), vectors = (count + L - 1) / L;
            pack_transposed(at<T>(a.q.data, b * a.q.batch + q0 * a.q.time + h * a.q.head), a.q.time, count, D, BQ, s.scale, query);
            for (int64_t i = 0; i < P * BQ; i++) out[i] = 0;
            for (int64_t i = 0; i < BQ; i++) { m[i] = -Infinity; l[i] = 0; }
            KeyRange range = visible_keys(s, b, q0, count);
            for (int64_t k0 = range.first; k0 < range.last; k0 += BK) {
                int64_t n = std::min(BK, range.last - k0);
                product(n, vectors, D, keys + k0 * k_row, k_row, 1, query, BQ, scores, BQ, false);
                finish_scores(s, b, h, q0, count, k0, n, scores);
                softmax_step(vectors, n, D, scores, m, l, out);
                product(D, vectors, n, values + k0 * v_row, 1, v_row, scores, BQ, out, BQ, true);
            }
            for (int64_t i = 0; i < count; i++) {
                a.lse[(b * s.H + h) * s.Tq + q0 + i] = l[i] > 0 ? m[i] + std::log(l[i]) : -Infinity;
                l[i] = l[i] > 0 ? 1 / l[i] : 0;
            }
            unpack_transposed(out, BQ, l, count, D, at<T>(a.out, ((b * s.Tq + q0) * s.H + h) * D), s.H * D);
        }
}

static void attention_forward(const AttentionForward& a, int64_t b, int64_t key_head, int64_t first, int64_t last, float* scratch) {
    TT_BY_TYPE(a.shape.type, T, attention_forward_typed<T>(a, b, key_head, first, last, scratch))
}

static int64_t attention_backward_scratch(const AttentionShape& s) {
    int64_t queries = (s.Tq + BQ - 1) / BQ * BQ, P = padded_size(s);
    return 4 * s.Tk * P + 5 * queries * P + 2 * queries + 2 * BK * BQ + BQ;
}

// From scores and the products dO V^T: probabilities into scores, gradients of the scaled products into dscores.
static void softmax_gradient(const AttentionBackward& a, int64_t b, int64_t h, int64_t q0, int64_t count, int64_t k0, int64_t keys,
                             const float* lse, const float* delta, float* scores, float* dscores) {
    const AttentionShape& s = a.shape;
    int64_t vectors = (count + L - 1) / L;
    for (int64_t j = 0; j < vectors; j++) {
        vf base = load(lse + j * L), shift = load(delta + j * L);
        for (int64_t k = 0; k < keys; k++) {
            vf p = vexp(load(scores + k * BQ + j * L) - base);
            store(scores + k * BQ + j * L, p);
            store(dscores + k * BQ + j * L, p * (load(dscores + k * BQ + j * L) - shift));
        }
    }
    if (a.dbias)
        for (int64_t k = 0; k < keys; k++)
            for (int64_t q = 0; q < count; q++) a.dbias[((b * s.H + h) * s.Tq + q0 + q) * s.Tk + k0 + k] = dscores[k * BQ + q];
}

// Multiplies by the soft cap's derivative, 1 - tanh^2, from the products before it.
static void cap_gradient(float soft_cap, int64_t vectors, int64_t keys, const float* products, float* dscores) {
    for (int64_t k = 0; k < keys; k++)
        for (int64_t j = 0; j < vectors; j++) {
            vf t = vtanh(load(products + k * BQ + j * L) * (1 / soft_cap));
            float* p = dscores + k * BQ + j * L;
            store(p, load(p) * (1.0f - t * t));
        }
}

// dK and dV of one key head over all the query heads that share it, and dQ of these: keys outside, queries inside.
template <class T> static void attention_backward_typed(const AttentionBackward& a, int64_t b, int64_t key_head, float* scratch) {
    const AttentionShape& s = a.shape;
    const int64_t D = s.D, Tq = s.Tq, Tk = s.Tk, group = s.H / s.K, P = padded_size(s), blocks = (Tq + BQ - 1) / BQ;
    auto take = [&scratch](int64_t n) { float* p = scratch; scratch += n; return p; };
    int64_t k_row, v_row;
    const float* keys = rows_as_float(at<T>(a.k.data, b * a.k.batch + key_head * a.k.head), a.k.time, Tk, D, scratch, k_row);
    const float* values = rows_as_float(at<T>(a.v.data, b * a.v.batch + key_head * a.v.head), a.v.time, Tk, D, scratch, v_row);
    float *dk = take(Tk * P), *dv = take(Tk * P);
    float *q_t = take(blocks * BQ * P), *do_t = take(blocks * BQ * P), *dq_t = take(blocks * BQ * P);
    float *q_rows = take(blocks * BQ * P), *do_rows = take(blocks * BQ * P);
    float *lse = take(blocks * BQ), *delta = take(blocks * BQ), *scores = take(BK * BQ), *dscores = take(BK * BQ), *scales = take(BQ);
    for (int64_t i = 0; i < Tk * P; i++) dk[i] = dv[i] = 0;
    for (int64_t i = 0; i < BQ; i++) scales[i] = s.scale;

    for (int64_t h = key_head * group; h < (key_head + 1) * group; h++) {
        const T* q = at<T>(a.q.data, b * a.q.batch + h * a.q.head);
        const T* o = at<T>(a.out.data, b * a.out.batch + h * a.out.head);
        const T* g = at<T>(a.dout.data, b * a.dout.batch + h * a.dout.head);
        pack_rows(q, a.q.time, Tq, D, q_rows, P);
        pack_rows(g, a.dout.time, Tq, D, do_rows, P);
        for (int64_t i = 0; i < blocks * BQ; i++) {
            float x = i < Tq ? a.lse[(b * s.H + h) * Tq + i] : Infinity;
            lse[i] = x == -Infinity ? Infinity : x;   // exp(score - inf) = 0: a row without keys
            vf total = splat(0);
            if (i < Tq)
                for (int64_t d = 0; d < D; d += L) total += load(do_rows + i * P + d) * load_part(o + i * a.out.time + d, D - d);
            delta[i] = sum(total);
        }
        for (int64_t i = 0; i < blocks; i++) {
            int64_t n = std::min(BQ, Tq - i * BQ);
            pack_transposed(q_rows + i * BQ * P, P, n, D, BQ, s.scale, q_t + i * BQ * P);
            pack_transposed(do_rows + i * BQ * P, P, n, D, BQ, 1.0f, do_t + i * BQ * P);
        }
        for (int64_t i = 0; i < blocks * BQ * P; i++) dq_t[i] = 0;

        for (int64_t k0 = 0; k0 < Tk; k0 += BK)
            for (int64_t i = 0; i < blocks; i++) {
                int64_t q0 = i * BQ, count = std::min(BQ, Tq - q0), vectors = (count + L - 1) / L;
                KeyRange range = visible_keys(s, b, q0, count);
                int64_t n = std::min(range.last - k0, BK);
                if (n <= 0 || range.first >= k0 + n) continue;
                const float *k = keys + k0 * k_row, *v = values + k0 * v_row;
                float *qt = q_t + q0 * P, *dot = do_t + q0 * P;
                product(n, vectors, D, k, k_row, 1, qt, BQ, scores, BQ, false);
                finish_scores(s, b, h, q0, count, k0, n, scores);
                product(n, vectors, D, v, v_row, 1, dot, BQ, dscores, BQ, false);
                softmax_gradient(a, b, h, q0, count, k0, n, lse + q0, delta + q0, scores, dscores);
                product(n, P / L, count, scores, BQ, 1, do_rows + q0 * P, P, dv + k0 * P, P, true);
                if (s.soft_cap > 0) {
                    product(n, vectors, D, k, k_row, 1, qt, BQ, scores, BQ, false);
                    cap_gradient(s.soft_cap, vectors, n, scores, dscores);
                }
                product(n, P / L, count, dscores, BQ, 1, q_rows + q0 * P, P, dk + k0 * P, P, true);
                product(D, vectors, n, k, 1, k_row, dscores, BQ, dq_t + q0 * P, BQ, true);
            }
        for (int64_t i = 0; i < blocks; i++)
            unpack_transposed(dq_t + i * BQ * P, BQ, scales, std::min(BQ, Tq - i * BQ), D, at<T>(a.dq, ((b * Tq + i * BQ) * s.H + h) * D),
                              s.H * D);
    }
    unpack_rows(dk, P, Tk, D, s.scale, at<T>(a.dk, (b * Tk * s.K + key_head) * D), s.K * D);
    unpack_rows(dv, P, Tk, D, 1.0f, at<T>(a.dv, (b * Tk * s.K + key_head) * D), s.K * D);
}

static void attention_backward(const AttentionBackward& a, int64_t b, int64_t key_head, float* scratch) {
    TT_BY_TYPE(a.shape.type, T, attention_backward_typed<T>(a, b, key_head, scratch))
}

}  // namespace tt::TT_NAMESPACE
