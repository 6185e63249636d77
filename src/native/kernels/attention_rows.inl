// Few queries against many keys, as in decoding: keys and values are read once, where they lie, by a group's rows of queries together.
#pragma once
#include "attention_forward.inl"

namespace tt::TT_NAMESPACE {

static int64_t rows_scratch(const AttentionShape& s) { return s.group() * s.Tq * (padded_size(s.D) + BK) + BK; }

constexpr int64_t KeysAhead = 8;   // are fetched before they are needed: a head's keys are too few for the processor to see a stream

// Where rows [first, first + count) of a head's keys or values begin.
template <class T>
static void row_starts(const HeadsView& x, const KeyPages& pages, int64_t b, int64_t head, int64_t first, int64_t count, const T** starts) {
    for (int64_t i = 0, run; i < count; i += run) {
        int64_t place = first + i;
        run = count - i;
        if (pages.table) {
            const int64_t within = place % pages.page;
            run = std::min(run, pages.page - within);
            place = pages.table[b * pages.pages + place / pages.page] * pages.page + within;
        }
        const T* row = at<T>(x.data, (pages.table ? 0 : b * x.batch) + place * x.time + head * x.head);
        for (int64_t j = 0; j < run; j++) starts[i + j] = row + j * x.time;
    }
}

// Products of a row of queries (in cells) with a block of keys, four at a time. Their values, where given, are fetched meanwhile.
template <class T, class Cell>
static void dot_products(const Cell* query, const T* const* keys, const T* const* values, int64_t count, int64_t size, float* products) {
    constexpr int64_t step = L * Depth<Cell>;
    for (int64_t k = 0; k < count; k += 4) {
        int64_t place[4];
        for (int64_t i = 0; i < 4; i++) place[i] = std::min(k + i, count - 1);
        vf s[4] = {};
        for (int64_t d = 0; d < size; d += step) {
            vf q = load(query + d / Depth<Cell>);
            for (int64_t i = 0; i < 4; i++) {
                __builtin_prefetch(keys[place[i] + KeysAhead] + d, 0, 3);
                if (values) __builtin_prefetch(values[place[i]] + d, 0, 3);
                s[i] = multiply_add<Cell>(s[i], q, load_cells<Cell>(keys[place[i]] + d, size - d));
            }
        }
        fold_four(s, products + k);
    }
}

// Scores of query i over a block of keys; the greatest.
static float finish_row(const AttentionShape& s, const Block& block, float* x) {
    int64_t position = block.q0 + s.offset(), shift = position - block.k0 + s.Tq - 1;
    int64_t first = s.first_key ? s.first_key[block.b] : 0, end = s.end_key ? s.end_key[block.b] : s.Tk;
    int64_t seen = std::max<int64_t>(position + 1, s.prefix ? s.prefix[block.b] : 0);
    if (s.causal) end = std::min(end, seen);
    if (s.window > 0) {
        first = std::max(first, position - s.window + 1);
        if (!s.causal) end = std::min(end, position + s.window);
    }
    const int64_t* stride = s.bias_strides;
    const float* bias = s.bias ? s.bias + block.b * stride[0] + block.h * stride[1] + block.q0 * stride[2] : nullptr;
    const float* distance = s.distance_bias ? s.distance_bias + block.h * s.distance_row() : nullptr;
    const int32_t* documents = s.documents ? s.documents + block.b * s.Tk : nullptr;
    for (int64_t i = 0; i < block.keys; i++) x[i] *= s.scale;
    if (s.soft_cap > 0)
        for (int64_t i = 0; i < BK; i += L) store(x + i, s.soft_cap * vtanh(load(x + i) * (1 / s.soft_cap)));
    if (distance) for (int64_t i = 0; i < block.keys; i++) x[i] += distance[shift - i];
    if (bias) for (int64_t i = 0; i < block.keys; i++) x[i] += bias[(block.k0 + i) * stride[3]];
    if (s.key_terms) for (int64_t i = 0; i < block.keys; i++) x[i] += s.key_terms[block.b * s.Tk + block.k0 + i];
    if (documents)
        for (int64_t i = 0; i < block.keys; i++) if (documents[block.k0 + i] != documents[position]) x[i] = -Infinity;
    for (int64_t i = 0; i < std::min(first - block.k0, block.keys); i++) x[i] = -Infinity;
    for (int64_t i = std::max<int64_t>(0, end - block.k0); i < BK; i++) x[i] = -Infinity;
    for (int64_t i = block.keys; i < BK; i++) x[i] = -Infinity;
    vf highest = load(x);
    for (int64_t i = L; i < BK; i += L) highest = vmax(highest, load(x + i));
    return max(highest);
}

template <class T, class Cell> static void rows_typed(const AttentionRows& r, int64_t b, int64_t key_head, int64_t share, float* scratch) {
    const AttentionForward& a = r.forward;
    const AttentionShape& s = a.shape;
    const int64_t D = s.D, P = padded_size(D), rows = s.group() * s.Tq, row = row_of<Cell>(D);
    auto take = [&scratch](int64_t n) { float* p = scratch; scratch += n; return p; };
    Cell* queries = (Cell*)take(rows * P);
    float *weights = take(rows * BK), *partial = r.partial + ((b * s.K + key_head) * r.shares + share) * rows * (P + RowSums);
    for (int64_t i = 0; i < rows; i++) {
        pack_rows(at<T>(a.q.data, b * a.q.batch + i % s.Tq * a.q.time + (key_head * s.group() + i / s.Tq) * a.q.head), 0, 1, D,
                  queries + i * row, row);
        float* out = partial + i * (P + RowSums);
        std::fill(out, out + P, 0.0f);
        out[P] = -Infinity;
        out[P + 1] = 0;
    }
    Range range = visible_keys(s, b, 0, s.Tq);
    int64_t blocks = (range.last - range.first + BK - 1) / BK;
    int64_t end = std::min(range.last, range.first + blocks * (share + 1) / r.shares * BK);
    for (int64_t k0 = range.first + blocks * share / r.shares * BK; k0 < end; k0 += BK) {
        const int64_t n = std::min(BK, end - k0), ahead = std::min(n + KeysAhead, end - k0);
        const T *keys[BK + KeysAhead], *values[BK];
        row_starts(a.k, r.pages, b, key_head, k0, ahead, keys);
        std::fill(keys + ahead, keys + n + KeysAhead, keys[ahead - 1]);
        row_starts(a.v, r.pages, b, key_head, k0, n, values);
        const int64_t hidden = s.first_key ? std::clamp<int64_t>(s.first_key[b] - k0, 0, n) : 0;   // may never have been written
        for (int64_t i = 0; i < rows; i++) {
            float *x = weights + i * BK, *out = partial + i * (P + RowSums);
            dot_products(queries + i * row, keys, i ? nullptr : values, n, D, x);
            float highest = finish_row(s, {b, key_head * s.group() + i / s.Tq, i % s.Tq, 1, k0, n}, x);
            if (highest > out[P]) {
                float shrink = std::exp2((out[P] - highest) * Log2E);
                for (int64_t d = 0; d < P; d += L) store(out + d, load(out + d) * shrink);
                out[P] = highest;
                out[P + 1] *= shrink;
            }
            const float base = out[P] == -Infinity ? 0 : out[P];
            vf total = splat(0);
            for (int64_t k = 0; k < BK; k += L) {
                vf p = vexp2((load(x + k) - base) * Log2E);
                store(x + k, p);
                total += p;
            }
            out[P + 1] += sum(total);
        }
        for (int64_t i = 0; i < rows; i++) {
            float *x = weights + i * BK, *out = partial + i * (P + RowSums);
            for (int64_t d = 0; d < D; d += L) {
                vf y[4] = {load(out + d)};
                int64_t k = hidden;
                for (; k + 4 <= n; k += 4)
#pragma GCC unroll 4
                    for (int j = 0; j < 4; j++) y[j] += load_part(values[k + j] + d, D - d) * x[k + j];
                for (; k < n; k++) y[0] += load_part(values[k] + d, D - d) * x[k];
                store(out + d, (y[0] + y[1]) + (y[2] + y[3]));
            }
        }
    }
}

static void attention_rows(const AttentionRows& r, int64_t b, int64_t key_head, int64_t share, float* scratch) {
    if (r.forward.shape.type == Type::f32) rows_typed<float, float>(r, b, key_head, share, scratch);
    else rows_typed<bf16, Bf16Cell>(r, b, key_head, share, scratch);
}

// Joins the shares of a group's rows: sums to the same maximum, then the quotient.
static void join_rows(const AttentionRows& r, int64_t b, int64_t key_head) {
    const AttentionForward& a = r.forward;
    const AttentionShape& s = a.shape;
    const int64_t P = padded_size(s.D), rows = s.group() * s.Tq, step = rows * (P + RowSums);
    float* first = r.partial + (b * s.K + key_head) * r.shares * step;
    for (int64_t i = 0; i < rows; i++) {
        int64_t h = key_head * s.group() + i / s.Tq, q = i % s.Tq;
        float *out = first + i * (P + RowSums), highest = -Infinity, total = 0;
        for (int64_t n = 0; n < r.shares; n++) highest = std::max(highest, out[n * step + P]);
        for (int64_t n = 0; n < r.shares; n++) {
            float* part = out + n * step;
            float weight = part[P] == -Infinity ? 0 : std::exp2((part[P] - highest) * Log2E);
            total += part[P + 1] * weight;
            for (int64_t d = 0; d < P; d += L) store(out + d, (n ? load(out + d) : splat(0)) + load(part + d) * weight);
        }
        a.lse[(b * s.H + h) * s.Tq + q] = total > 0 ? highest + std::log(total) : -Infinity;
        TT_BY_TYPE(s.type, T, unpack_rows(out, P, 1, s.D, total > 0 ? 1 / total : 0, at<T>(a.out, ((b * s.Tq + q) * s.H + h) * s.D), 0))
    }
}

}  // namespace tt::TT_NAMESPACE
