// Optimizers' steps (AdamW, Loshchilov and Hutter 2019; Lion, Chen et al. 2023; SGD) with PyTorch's arithmetic, and sums of squares for
// the gradient norm.
#pragma once
#include <algorithm>

#include "vec.h"

namespace tt::TT_NAMESPACE {

typedef int16_t vs __attribute__((vector_size(2 * TT_LANES)));

// A parameter's values in fp32: stored as they are, or as bf16 with the lower halves apart.
template <class P> struct Plain {
    P* p;
    vf load(int64_t i, int64_t left) const { return load_part(p + i, left); }
    void store(int64_t i, vf x, int64_t left) const { store_part(p + i, x, left); }
};
struct Halved {
    uint16_t* p;
    int16_t* halves;
    vf load(int64_t i, int64_t left) const {
        vh upper = {};
        vs lower = {};
        std::memcpy(&upper, p + i, 2 * std::min(left, L));
        std::memcpy(&lower, halves + i, 2 * std::min(left, L));
        return (vf)((__builtin_convertvector(upper, vu) << 16) + (vu)__builtin_convertvector(lower, vi));
    }
    void store(int64_t i, vf x, int64_t left) const {
        vh upper = __builtin_convertvector(((vu)x + 0x8000) >> 16, vh), lower = __builtin_convertvector((vu)x & 0xffff, vh);
        std::memcpy(p + i, &upper, 2 * std::min(left, L));
        std::memcpy(halves + i, &lower, 2 * std::min(left, L));
    }
};

// step(values, gradient, index, left) -> new values
template <class W, class G, class Step>
static void update_values(const W& values, const G* gradient, const UpdateView& v, const Step& step) {
    for (int64_t i = 0; i < v.n; i += L) {
        int64_t left = v.n - i;
        values.store(i, step(values.load(i, left), load_part(gradient + i, left) * v.grad_scale, i, left), left);
    }
}
template <class Step> static void update(const UpdateView& v, const Step& step) {
    TT_BY_TYPE(v.grad_type, G,
        if (v.halves) update_values(Halved{(uint16_t*)v.param, v.halves}, at<G>(v.grad, 0), v, step);
        else TT_BY_TYPE(v.param_type, P, update_values(Plain<P>{(P*)v.param}, at<G>(v.grad, 0), v, step)))
}

static void adamw(const AdamwOptions& o, const UpdateView& v) {
    update(v, [&](vf w, vf gradient, int64_t i, int64_t left) {
        vf first = load_part(v.first + i, left), second = load_part(v.second + i, left);
        first += (gradient - first) * o.rest1;
        second = second * o.beta2 + gradient * gradient * o.rest2;
        vf denominator;
        for (int k = 0; k < L; k++) denominator[k] = __builtin_sqrtf(second[k]);
        store_part(v.first + i, first, left);
        store_part(v.second + i, second, left);
        return w * o.keep - first * o.rate / (denominator * o.root + o.eps);
    });
}

static void lion(const LionOptions& o, const UpdateView& v) {
    update(v, [&](vf w, vf gradient, int64_t i, int64_t left) {
        vf mean = load_part(v.first + i, left), turn = mean * o.beta1 + gradient * o.rest1;
        store_part(v.first + i, mean * o.beta2 + gradient * o.rest2, left);
        vf sign = turn > 0 ? splat(1) : turn < 0 ? splat(-1) : turn;   // zero stays zero, a NaN shows
        return w * o.keep - sign * o.rate;
    });
}

static void sgd(const SgdOptions& o, const UpdateView& v) {
    update(v, [&](vf w, vf gradient, int64_t i, int64_t left) {
        gradient += w * o.weight_decay;
        if (v.first) {
            vf momentum = load_part(v.first + i, left) * o.momentum + gradient * o.share;
            store_part(v.first + i, momentum, left);
            gradient = o.nesterov ? gradient + momentum * o.momentum : momentum;
        }
        return w - gradient * o.rate;
    });
}

// f(gradients, row, column, left) for every vector of a row
template <class F> static void each_gradient(const FactoredView& v, const F& f) {
    TT_BY_TYPE(v.grad_type, G,
        for (int64_t r = 0; r < v.rows; r++)
            for (int64_t c = 0; c < v.width; c += L) {
                int64_t left = v.width - c;
                f(load_part(at<G>(v.grad, r * v.width + c), left) * v.grad_scale, r, c, left);
            })
}
static void factored_squares(const FactoredView& v, float eps, float* row_sums, float* column_sums) {
    for (int64_t r = 0; r < v.rows; r++) row_sums[r] = 0;
    each_gradient(v, [&](vf g, int64_t r, int64_t c, int64_t left) {
        vf squares = g * g + eps;
        for (int k = 0; k < L; k++) if (k < left) row_sums[r] += squares[k];
        store_part(column_sums + c, load_part(column_sums + c, left) + squares, left);
    });
}
static double factored_size(const FactoredView& v) {
    double total = 0;
    each_gradient(v, [&](vf g, int64_t r, int64_t c, int64_t left) {
        vf x = g * load_part(v.column_factors + c, left) * v.row_factors[r];
        total += sum(x * x);
    });
    return total;
}
static void factored_step(const FactoredView& v, const UpdateView& u, float keep, float rate) {
    const int64_t size = u.param_type == Type::f32 ? 4 : 2, grad_size = u.grad_type == Type::f32 ? 4 : 2;
    for (int64_t r = 0; r < v.rows; r++) {
        UpdateView row = u;
        row.param = at<char>(u.param, r * v.width * size);
        row.grad = at<char>(u.grad, r * v.width * grad_size);
        if (u.halves) row.halves = u.halves + r * v.width;
        row.n = v.width;
        update(row, [&](vf w, vf g, int64_t c, int64_t left) {
            return w * keep - g * load_part(v.column_factors + c, left) * (v.row_factors[r] * rate);
        });
    }
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
