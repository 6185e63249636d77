// Attention with a running softmax (Milakov and Gimelshein, 2018; Dao et al., 2022): memory is linear in the length.
#pragma once
#include "attention_scores.inl"

namespace tt::TT_NAMESPACE {

static int64_t padded_size(int64_t size) { return (size + L - 1) / L * L; }
static int64_t whole_blocks(int64_t keys) { return (keys + BK - 1) / BK * BK; }

// Cells of one head's keys or values as a product reads them.
template <class Cell> static int64_t row_of(int64_t size) { return padded_size(cells<Cell>(size)); }

static int64_t forward_scratch(const AttentionShape& s) {
    return 2 * whole_blocks(s.Tk) * padded_size(s.D) + 2 * padded_size(s.D) * BQ + 2 * BK * BQ + 2 * BQ;
}

// One block of scores: exponentials as cells take their place, the output so far is rescaled where the maximum has risen much. (While it
// rises by less than 2^8 the old one serves.)
template <class Cell>
static void softmax_step(const Block& block, int64_t width, float factor, const float* keep, float* scores, float* m, float* l,
                         float* out) {
    constexpr int64_t step = Depth<Cell>;
    Cell* weights = reinterpret_cast<Cell*>(scores);
    for (int64_t j = 0; j < block.vectors(); j++) {
        float* column = scores + j * L;
        vf high[2] = {splat(-Infinity), splat(-Infinity)};
        int64_t k = 0;
        for (; k + 2 <= block.keys; k += 2)
            for (int i = 0; i < 2; i++) high[i] = vmax(high[i], load(column + (k + i) * BQ));
        for (; k < block.keys; k++) high[0] = vmax(high[0], load(column + k * BQ));
        vf highest = vmax(high[0], high[1]) * factor, before = load(m + j * L);
        vi risen = highest > before + 8.0f;
        vf sum = load(l + j * L);
        if (any(risen)) {
            vf after = risen ? highest : before, shrink = risen ? vexp2(before - highest) : splat(1);
            store(m + j * L, after);
            sum *= shrink;
            before = after;
            for (int64_t d = 0; d < width; d++) store(out + d * BQ + j * L, load(out + d * BQ + j * L) * shrink);
        }
        vf base = before == -Infinity ? splat(0) : before, total[2] = {sum, splat(0)};
        for (k = 0; k < block.keys; k += step) {
            vf p[2];
            for (int64_t i = 0; i < step; i++) {
                p[i] = vexp2(load(column + (k + i) * BQ) * factor - base);
                total[(k + i) % 2] += p[i];
                if (keep) p[i] *= load(keep + (k + i) * BQ + j * L);
            }
            store(weights + k / step * BQ + j * L, stack_cells<Cell>(p[0], p[step - 1]));
        }
        store(l + j * L, total[0] + total[1]);
    }
}

// T: what is in memory; Cell: what is multiplied.
template <class T, class Cell> static void forward_typed(const AttentionForward& a, const AttentionTask& task, float* scratch) {
    const AttentionShape& s = a.shape;
    const int64_t b = task.b, D = s.D, P = padded_size(D), row = row_of<Cell>(D), depth = cells<Cell>(D);
    auto take = [&scratch](int64_t n) { float* p = scratch; scratch += n; return p; };
    [[maybe_unused]] const UnitsOf<Cell> units;
    Cell *keys = (Cell*)take(whole_blocks(s.Tk) * P), *values = (Cell*)take(whole_blocks(s.Tk) * P), *query = (Cell*)take(P * BQ);
    float *out = take(P * BQ), *scores = take(BK * BQ), *factors = take(BK * BQ), *m = take(BQ), *l = take(BQ);
    int64_t begin = visible_keys(s, b, task.first * BQ, BQ).first;
    int64_t end = visible_keys(s, b, task.first * BQ, std::min(task.last * BQ, s.Tq) - task.first * BQ).last;
    pack_rows(at<T>(a.k.data, b * a.k.batch + begin * a.k.time + task.key_head * a.k.head), a.k.time, end - begin, D, keys + begin * row,
              row);
    pack_columns(at<T>(a.v.data, b * a.v.batch + begin * a.v.time + task.key_head * a.v.head), a.v.time, end - begin, D, BK,
                 values + begin / Depth<Cell> * D);

    for (int64_t h = task.key_head * s.group(); h < (task.key_head + 1) * s.group(); h++)
        for (int64_t q0 = task.first * BQ; q0 < std::min(task.last * BQ, s.Tq); q0 += BQ) {
            Block block{b, h, q0, std::min(BQ, s.Tq - q0), 0, 0};
            pack_transposed(at<T>(a.q.data, b * a.q.batch + q0 * a.q.time + h * a.q.head), a.q.time, block.count, D, BQ, query);
            std::fill(out, out + P * BQ, 0.0f);
            std::fill(m, m + BQ, -Infinity);
            std::fill(l, l + BQ, 0.0f);
            Range range = visible_keys(s, b, q0, block.count), documents{};
            if (s.documents) documents = documents_of(s, b, q0, block.count);
            for (int64_t k0 = range.first; k0 < range.last; k0 += BK) {
                if (s.documents && apart(s, b, documents, k0)) continue;
                block.k0 = k0; block.keys = std::min(BK, range.last - k0);
                const Diagonal diagonal(s, block);
                key_products(block, diagonal, depth, keys, row, query, scores);
                float factor = finish_scores(s, block, scores, nullptr);
                hide_outside(s, block, scores);
                if (s.drop_below) dropout_factors(s, block, factors);
                softmax_step<Cell>(block, D, factor, s.drop_below ? factors : nullptr, scores, m, l, out);
                key_sums(block, diagonal, D, values, reinterpret_cast<const Cell*>(scores), out);
            }
            for (int64_t i = 0; i < block.count; i++) {
                a.lse[(b * s.H + h) * s.Tq + q0 + i] = l[i] > 0 ? m[i] * Ln2 + std::log(l[i]) : -Infinity;
                l[i] = l[i] > 0 ? 1 / l[i] : 0;
            }
            unpack_transposed(out, BQ, l, block.count, D, at<T>(a.out, ((b * s.Tq + q0) * s.H + h) * D), s.H * D);
        }
}

#if TT_DOT
using Bf16Cell = pair;
#else
using Bf16Cell = float;
#endif

static void attention_forward(const AttentionForward& a, const AttentionTask& task, float* scratch) {
    if (a.shape.type == Type::f32) forward_typed<float, float>(a, task, scratch);
    else forward_typed<bf16, Bf16Cell>(a, task, scratch);
}

}  // namespace tt::TT_NAMESPACE
