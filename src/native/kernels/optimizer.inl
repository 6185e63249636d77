// AdamW (Loshchilov and Hutter 2019) with PyTorch's arithmetic, and sums of squares for the gradient norm.
#pragma once
#include "vec.h"

namespace tt::TT_NAMESPACE {

template <class P, class G>
static void adamw_typed(const AdamwOptions& o, P* p, const G* g, float* m, float* v, float grad_scale, int64_t n) {
    for (int64_t i = 0; i < n; i += L) {
        int64_t left = n - i;
        vf gradient = load_part(g + i, left) * grad_scale, w = load_part(p + i, left) * o.keep;
        vf first = load_part(m + i, left), second = load_part(v + i, left);
        first += (gradient - first) * o.rest1;
        second = second * o.beta2 + gradient * gradient * o.rest2;
        vf denominator;
        for (int k = 0; k < L; k++) denominator[k] = __builtin_sqrtf(second[k]);
        w -= first * o.rate / (denominator * o.root + o.eps);
        store_part(m + i, first, left);
        store_part(v + i, second, left);
        store_part(p + i, w, left);
    }
}

static void adamw(const AdamwOptions& o, Type param_type, Type grad_type, void* p, const void* g, float* m, float* v, float grad_scale,
                  int64_t n) {
    TT_BY_TYPE(param_type, P, TT_BY_TYPE(grad_type, G, adamw_typed(o, at<P>(p, 0), at<G>(g, 0), m, v, grad_scale, n)))
}

template <class T> static double sum_squares_typed(const T* x, int64_t n) {
    const int64_t run = 4096;   // short fp32 sums, joined in double
    double total = 0;
    for (int64_t start = 0; start < n; start += run) {
        vf s = splat(0);
        for (int64_t i = start; i < n && i < start + run; i += L) { vf v = load_part(x + i, n - i); s += v * v; }
        for (int k = 0; k < L; k++) total += s[k];
    }
    return total;
}
static double sum_squares(Type type, const void* x, int64_t n) {
    double total = 0;
    TT_BY_TYPE(type, T, total = sum_squares_typed(at<T>(x, 0), n))
    return total;
}

}  // namespace tt::TT_NAMESPACE
