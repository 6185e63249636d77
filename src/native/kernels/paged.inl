// Attention of one new position a sequence over keys and values that lie in pages (Kwon et al., 2023). Memory is read once, in order.
#pragma once
#include "vec.h"

namespace tt::TT_NAMESPACE {

static int64_t paged_scratch(const PagedView& a) { return (a.H / a.K) * (a.pages * a.page + 2 * a.D + 2 * L); }

// f(t, row of keys or values) for the positions [first, last) of a sequence.
template <class T, class F>
TT_INLINE void for_positions(const PagedView& a, const void* from, const int64_t* pages, int64_t head, int64_t first, int64_t last, F f) {
    const T* all = at<T>(from, head * a.D);
    for (int64_t t = first; t < last;) {
        const T* row = all + (pages[t / a.page] * a.page + t % a.page) * a.K * a.D;
        for (int64_t end = std::min(last, (t / a.page + 1) * a.page); t < end; t++, row += a.K * a.D) f(t, row);
    }
}

// The G query heads that share a key head, together: each row of keys and values is read for all of them.
template <class T> static void paged_attention_typed(const PagedView& a, int64_t sequence, int64_t head, float* scratch) {
    const int64_t G = a.H / a.K, D = a.D, width = a.pages * a.page, padded = (D + L - 1) / L * L;
    const int64_t last = a.lengths[sequence], first = a.window > 0 ? std::max<int64_t>(0, last - a.window) : 0;
    const int64_t* pages = a.table + sequence * a.pages;
    float *scores = scratch, *query = scores + G * width, *mixed = query + G * padded;
    for (int64_t g = 0; g < G; g++) {
        const T* q = at<T>(a.query, sequence * a.query_row + (head * G + g) * D);
        for (int64_t i = 0; i < padded; i += L) {
            store(query + g * padded + i, load_part(q + i, D - i) * a.scale);
            store(mixed + g * padded + i, splat(0));
        }
    }
    for_positions<T>(a, a.keys, pages, head, first, last, [&](int64_t t, const T* k) {
        for (int64_t g = 0; g < G; g++) {
            vf total = splat(0);
            for (int64_t i = 0; i < D; i += L) total += load(query + g * padded + i) * load_part(k + i, D - i);
            scores[g * width + t] = sum(total);
        }
    });
    for (int64_t g = 0; g < G; g++) {
        float *s = scores + g * width, most = -INFINITY, whole = 0;
        const float* bias = a.bias ? a.bias + sequence * a.bias_row + (head * G + g) * a.bias_head : nullptr;
        for (int64_t t = first; t < last; t++) {
            if (a.soft_cap > 0) s[t] = std::tanh(s[t] / a.soft_cap) * a.soft_cap;
            if (bias) s[t] += bias[t];
            most = std::max(most, s[t]);
        }
        for (int64_t t = first; t < last; t += L) {
            vf e = vexp(load_part(s + t, last - t) - most);
            store_part(s + t, e, last - t);
            for (int64_t i = 0; i < std::min(L, last - t); i++) whole += e[i];
        }
        for (int64_t t = first; t < last; t++) s[t] /= whole;
    }
    for_positions<T>(a, a.values, pages, head, first, last, [&](int64_t t, const T* v) {
        for (int64_t g = 0; g < G; g++) {
            const float weight = scores[g * width + t];
            float* to = mixed + g * padded;
            for (int64_t i = 0; i < D; i += L) store(to + i, load(to + i) + weight * load_part(v + i, D - i));
        }
    });
    for (int64_t g = 0; g < G; g++)
        for (int64_t i = 0; i < D; i += L)
            store_part(at<T>(a.out, (sequence * a.H + head * G + g) * D + i), load(mixed + g * padded + i), D - i);
}

static void paged_attention(const PagedView& a, int64_t sequence, int64_t head, float* scratch) {
    TT_BY_TYPE(a.type, T, paged_attention_typed<T>(a, sequence, head, scratch))
}

}  // namespace tt::TT_NAMESPACE
