// A block of scores, transposed: rows are keys, lanes are queries, so a softmax needs no horizontal sums. What is added to scores, who
// sees whom, and which weights are dropped.
#pragma once
#include <algorithm>

#include "philox.h"
#include "tile.inl"

namespace tt::TT_NAMESPACE {

constexpr int64_t BQ = 4 * L;              // queries of a block
constexpr int64_t BK = AttentionKeys;      // keys of a block
constexpr float Infinity = __builtin_inff();
constexpr float Log2E = 1.44269504f, Ln2 = 0.693147181f;

struct Range { int64_t first, last; };
struct Block {
    int64_t b, h, q0, count, k0, keys;
    int64_t vectors() const { return (count + L - 1) / L; }
};

// Where causality cuts through a block: it is computed in strips of L keys or queries, and what lies beyond is left out.
struct Diagonal {
    int64_t ahead;   // how far the first query stands before the first key; only less than 0 where nothing is cut
    bool cut;
    Diagonal(const AttentionShape& s, const Block& block)
        : ahead(block.k0 - block.q0 - s.offset()), cut(s.causal && !s.prefix && ahead + block.keys > 1) {}
    int64_t strip(int64_t whole) const { return cut ? L : whole; }
    int64_t first_query(int64_t key) const { return cut ? std::max<int64_t>(0, key + ahead) / L * L : 0; }   // seen by keys from `key` on
    int64_t end_key(int64_t query, int64_t keys) const { return cut ? std::clamp<int64_t>(query + L - ahead, 0, keys) : keys; }
};

TT_INLINE vi lanes() {
    vi r;
    for (int i = 0; i < L; i++) r[i] = i;
    return r;
}

// The keys, of whole blocks, that any query of [q0, q0 + count) sees.
static Range visible_keys(const AttentionShape& s, int64_t b, int64_t q0, int64_t count) {
    int64_t position = q0 + s.offset(), end = position + count;
    int64_t last = s.end_key ? s.end_key[b] : s.Tk, first = s.first_key ? s.first_key[b] : 0;
    if (s.causal) last = std::min(last, std::max<int64_t>(end, s.prefix ? s.prefix[b] : 0));
    else if (s.window > 0) last = std::min(last, end - 1 + s.window);
    if (s.window > 0) first = std::max(first, position - s.window + 1);
    first = std::max<int64_t>(0, first) / BK * BK;
    return {first, std::max(last, first)};
}

// Least and greatest document of the queries of a block.
static Range documents_of(const AttentionShape& s, int64_t b, int64_t q0, int64_t count) {
    const int32_t* own = s.documents + b * s.Tk + s.offset() + q0;
    auto [least, greatest] = std::minmax_element(own, own + count);
    return {*least, *greatest};
}

// Whether documents leave nothing visible between queries with those documents and a block of keys.
static bool apart(const AttentionShape& s, int64_t b, Range queries, int64_t k0) {
    const int32_t* keys = s.block_documents + 2 * (b * ((s.Tk + BK - 1) / BK) + k0 / BK);
    return queries.last < keys[0] || keys[1] < queries.first;
}

// Scores (keys, queries) = rows of keys times columns of queries.
template <class Cell>
static void key_products(const Block& block, const Diagonal& diagonal, int64_t depth, const Cell* rows, int64_t row, const Cell* columns,
                         float* scores) {
    const int64_t strip = diagonal.strip(block.keys);
    for (int64_t k = 0; k < block.keys; k += strip) {
        int64_t q = diagonal.first_query(k), n = std::min(strip, block.keys - k);
        if (q < block.count)
            product(n, block.vectors() - q / L, depth, rows + (block.k0 + k) * row, row, columns + q, BQ, scores + k * BQ + q, BQ, false);
    }
}

// out (size, queries) += keys or values, packed by columns, times their weights (keys, queries). A strip of queries ends at its own key.
template <class Cell>
static void key_sums(const Block& block, const Diagonal& diagonal, int64_t size, const Cell* columns, const Cell* weights, float* out) {
    for (int64_t q = 0, strip = diagonal.cut ? 2 * L : BQ; q < block.count; q += strip)
        product(size, std::min(strip / L, block.vectors() - q / L), cells<Cell>(diagonal.end_key(q + strip - L, block.keys)),
                columns + block.k0 / Depth<Cell> * size, BK / Depth<Cell>, weights + q, BQ, out + q, BQ, true);
}

// f(key, row of scores, lane's vector j) for each vector of a block.
template <class F> TT_INLINE void for_scores(const Block& block, float* scores, const F& f) {
    for (int64_t k = 0; k < block.keys; k++)
        for (int64_t j = 0; j < block.vectors(); j++) {
            float* p = scores + k * BQ + j * L;
            store(p, f(k, j, load(p)));
        }
}

// Scores (keys, queries) += bias (queries, keys), by whole vectors of keys where they lie side by side.
static void add_bias(const AttentionShape& s, const Block& block, float* scores) {
    const int64_t* stride = s.bias_strides;
    const float* bias = s.bias + block.b * stride[0] + block.h * stride[1] + block.q0 * stride[2] + block.k0 * stride[3];
    if (stride[2] == 0) {
        for_scores(block, scores, [&](int64_t k, int64_t, vf x) { return x + splat(bias[k * stride[3]]); });
        return;
    }
    for (int64_t k = 0; k < block.keys; k += L)
        for (int64_t q = 0; q < block.count; q += L) {
            vf r[L] = {};
            for (int64_t i = 0; i < L; i++) {
                const float* p = bias + (q + i) * stride[2] + k * stride[3];
                if (q + i >= block.count) break;
                if (stride[3] == 1) r[i] = load_part(p, block.keys - k);
                else for (int64_t n = 0; n < L; n++) r[i][n] = k + n < block.keys ? p[n * stride[3]] : 0;
            }
            transpose(r);
            for (int64_t i = 0; i < L && k + i < block.keys; i++) {
                float* p = scores + (k + i) * BQ + q;
                store(p, load(p) + r[i]);
            }
        }
}

static void hide_by_position(const AttentionShape& s, const Block& block, float* scores) {
    int64_t position = block.q0 + s.offset();
    bool by_cause = s.causal && block.k0 + block.keys - 1 > position;
    bool by_window = s.window > 0 && (block.k0 <= position + block.count - 1 - s.window ||
                                      (!s.causal && block.k0 + block.keys - 1 >= position + s.window));
    if (!by_cause && !by_window) return;
    int64_t prefix = s.prefix ? s.prefix[block.b] : 0;
    const int32_t reach = s.window > 0 ? (int32_t)s.window : INT32_MAX;
    const vi lane = lanes();
    for_scores(block, scores, [&](int64_t k, int64_t j, vf x) {
        int64_t key = block.k0 + k;
        vi behind = lane + (int32_t)(position + j * L - key);   // how far the key lies behind the query
        int32_t ahead = s.causal ? (key < prefix ? INT32_MAX : 1) : reach;
        return (behind >= reach) | (behind <= -ahead) ? splat(-Infinity) : x;
    });
}

static void hide_documents(const AttentionShape& s, const Block& block, float* scores) {
    const int32_t *queries = s.documents + block.b * s.Tk + s.offset() + block.q0, *keys = s.documents + block.b * s.Tk + block.k0;
    Range q = documents_of(s, block.b, block.q0, block.count);
    const int32_t* k = s.block_documents + 2 * (block.b * ((s.Tk + BK - 1) / BK) + block.k0 / BK);
    if (q.first == q.last && k[0] == k[1] && q.first == k[0]) return;
    int32_t own[BQ] = {};
    std::copy(queries, queries + block.count, own);
    for_scores(block, scores, [&](int64_t i, int64_t j, vf x) {
        vi document;
        std::memcpy(&document, own + j * L, sizeof document);
        return document != keys[i] ? splat(-Infinity) : x;
    });
}

// From products q k to scores; answers with what is left to multiply them by so that 2 to their power is the weight. The derivative of
// the soft cap goes to cap_slope, where there is one.
static float finish_scores(const AttentionShape& s, const Block& block, float* scores, float* cap_slope) {
    bool plain = s.soft_cap == 0 && !s.bias && !s.distance_bias && s.scale > 0;
    if (!plain) {
        const float* by_distance = s.distance_bias ? s.distance_bias + block.h * s.distance_row() : nullptr;
        int64_t shift = s.offset() + block.q0 - block.k0 + s.Tq - 1;   // the place of query 0 and key 0
        for_scores(block, scores, [&](int64_t k, int64_t j, vf x) {
            x *= s.scale;
            if (s.soft_cap > 0) {
                vf t = vtanh(x * (1 / s.soft_cap));
                if (cap_slope) store(cap_slope + k * BQ + j * L, 1.0f - t * t);
                x = t * s.soft_cap;
            }
            return by_distance ? x + load(by_distance + shift - k + j * L) : x;
        });
        if (s.bias) add_bias(s, block, scores);
    }
    if (s.key_terms) {
        const float* terms = s.key_terms + block.b * s.Tk + block.k0;
        for_scores(block, scores, [&](int64_t k, int64_t, vf x) { return x + splat(terms[k]); });
    }
    hide_by_position(s, block, scores);
    if (s.documents) hide_documents(s, block, scores);
    return plain ? s.scale * Log2E : Log2E;
}

// Hides the keys of a block that lie outside [first, last), and those between the last and a whole cell.
static void hide_outside(const AttentionShape& s, const Block& block, float* scores) {
    int64_t first = s.first_key ? s.first_key[block.b] - block.k0 : 0;
    auto hide = [&](int64_t k) { for (int64_t q = 0; q < BQ; q++) scores[k * BQ + q] = -Infinity; };
    for (int64_t k = 0; k < std::min(first, block.keys); k++) hide(k);
    if (block.keys % 2) hide(block.keys);
}

// What each weight of a block is multiplied by: 0 or 1 / (1 - p). The numbers belong to places, not to who computes them.
static void dropout_factors(const AttentionShape& s, const Block& block, float* factors) {
    const vf keep = splat(s.keep_scale);
    const vi least = vi{} + (int32_t)s.drop_below;
    for (int64_t k = 0; k < block.keys; k += 8)
        for (int64_t j = 0; j < block.vectors(); j++) {
            vu numbers[4] = {(vu)(lanes() + (int32_t)(block.q0 + j * L)), vu{} + (uint32_t)((block.k0 + k) / 8),
                             vu{} + (uint32_t)(block.b * s.H + block.h), vu{}};
            philox(numbers, s.seed);
            for (int64_t i = 0; i < 8; i++) {
                vi number = (vi)(i % 2 ? numbers[i / 2] >> 16 : numbers[i / 2] & 0xffff);
                store(factors + (k + i) * BQ + j * L, number < least ? splat(0) : keep);
            }
        }
}

}  // namespace tt::TT_NAMESPACE
