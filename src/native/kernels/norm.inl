// Layer norm (Ba et al. 2016) and RMS norm (Zhang and Sennrich 2019) by rows; sums in fp32 whatever the type of x.
#pragma once
#include "vec.h"

namespace tt::TT_NAMESPACE {

template <class T> static void norm_forward_typed(const NormView& a, const T* x, T* y, float* mean, float* rstd, int64_t rows) {
    const int64_t n = a.width;
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        float centre = 0;
        if (a.centred) {
            vf total = splat(0);
            for (int64_t i = 0; i < n; i += L) total += load_part(x + i, n - i);
            mean[r] = centre = sum(total) / n;
        }
        vf squares = splat(0);   // two passes over a row in cache: no cancellation
        int64_t i = 0;
        for (; i + L <= n; i += L) { vf d = load(x + i) - centre; squares += d * d; }
        float total = sum(squares);
        for (; i < n; i++) { float d = to_float(x[i]) - centre; total += d * d; }
        float scale = rstd[r] = 1 / std::sqrt(total / n + a.eps);
        for (i = 0; i < n; i += L) {
            vf v = (load_part(x + i, n - i) - centre) * scale;
            if (a.weight) v *= load_part(a.weight + i, n - i);
            if (a.bias) v += load_part(a.bias + i, n - i);
            store_part(y + i, v, n - i);
        }
    }
}

// The same of x + added, row by row while the sum is near.
template <class T, class A>
static void norm_sum_typed(const NormView& a, const T* x, const A* added, T* sums, T* y, float* mean, float* rstd, int64_t rows) {
    const int64_t n = a.width;
    for (int64_t r = 0; r < rows; r++, x += n, added += n, sums += n, y += n) {
        for (int64_t i = 0; i < n; i += L) store_part(sums + i, load_part(x + i, n - i) + load_part(added + i, n - i), n - i);
        norm_forward_typed(a, sums, y, mean ? mean + r : nullptr, rstd + r, 1);
    }
}

// With u the normalised row and w = weight * dy: dx = rstd (w - mean(w) - u mean(w u)); RMS norm has no mean(w).
template <class T>
static void norm_backward_typed(const NormView& a, const T* x, const T* dy, const T* passed, const float* mean, const float* rstd, T* dx,
                                float* dweight, float* dbias, int64_t rows) {
    const int64_t n = a.width;
    for (int64_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
        const float centre = a.centred ? mean[r] : 0, scale = rstd[r];
        vf first = splat(0), second = splat(0);
        for (int64_t i = 0; i < n; i += L) {
            int64_t left = n - i;
            vf g = load_part(dy + i, left), u = (load_part(x + i, left) - centre) * scale;
            if (dweight) store_part(dweight + i, load_part(dweight + i, left) + g * u, left);
            if (dbias) store_part(dbias + i, load_part(dbias + i, left) + g, left);
            vf w = a.weight ? g * load_part(a.weight + i, left) : g;
            first += w;          // the lanes past the end have w = 0
            second += w * u;
        }
        const float shift = a.centred ? sum(first) / n : 0, slope = sum(second) / n;
        for (int64_t i = 0; i < n; i += L) {
            int64_t left = n - i;
            vf g = load_part(dy + i, left), u = (load_part(x + i, left) - centre) * scale;
            vf w = a.weight ? g * load_part(a.weight + i, left) : g;
            vf d = (w - shift - u * slope) * scale;
            store_part(dx + i, passed ? d + load_part(passed + i, left) : d, left);
        }
        if (passed) passed += n;
    }
}

static void norm_forward(const NormView& a, const void* x, const void* added, void* sums, void* y, float* mean, float* rstd,
                         int64_t rows) {
    TT_BY_TYPE(a.type, T, {
        if (!added) norm_forward_typed(a, at<T>(x, 0), at<T>(y, 0), mean, rstd, rows);
        else TT_BY_TYPE(a.added_type, A, norm_sum_typed(a, at<T>(x, 0), at<A>(added, 0), at<T>(sums, 0), at<T>(y, 0), mean, rstd, rows))
    })
}
static void norm_backward(const NormView& a, const void* x, const void* dy, const void* passed, const float* mean, const float* rstd,
                          void* dx, float* dweight, float* dbias, int64_t rows) {
    TT_BY_TYPE(a.type, T, norm_backward_typed(a, at<T>(x, 0), at<T>(dy, 0), at<T>(passed, 0), mean, rstd, at<T>(dx, 0), dweight, dbias,
                                              rows))
}

}  // namespace tt::TT_NAMESPACE
