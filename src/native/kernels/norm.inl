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

// With u the normalised row and w = weight * dy: dx = rstd (w - mean(w) - u mean(w u)); RMS norm has no mean(w).
template <class T>
static void norm_backward_typed(const NormView& a, const T* x, const T* dy, const float* mean, const float* rstd, T* dx, float* dweight,
                                float* dbias, int64_t rows) {
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
            store_part(dx + i, (w - shift - u * slope) * scale, left);
        }
    }
}

static void norm_forward(const NormView& a, const void* x, void* y, float* mean, float* rstd, int64_t rows) {
    TT_BY_TYPE(a.type, T, norm_forward_typed(a, at<T>(x, 0), at<T>(y, 0), mean, rstd, rows))
}
static void norm_backward(const NormView& a, const void* x, const void* dy, const float* mean, const float* rstd, void* dx, float* dweight,
                          float* dbias, int64_t rows) {
    TT_BY_TYPE(a.type, T, norm_backward_typed(a, at<T>(x, 0), at<T>(dy, 0), mean, rstd, at<T>(dx, 0), dweight, dbias, rows))
}

}  // namespace tt::TT_NAMESPACE
