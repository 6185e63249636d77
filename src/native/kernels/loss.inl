// Softmax cross-entropy by rows, with label smoothing, z-loss (PaLM, 2022, 5) and soft cap (Gemma 2, 2024).
#pragma once
#include <algorithm>

#include "vec.h"

namespace tt::TT_NAMESPACE {

template <class T>
static float cross_entropy_row(const LossOptions& o, float* x, int64_t width, int64_t target, bool wants_gradient, T* gradient) {
    const float smoothing = (float)o.label_smoothing, z_loss = (float)o.z_loss, cap = (float)o.soft_cap;
    vf highest = splat(-__builtin_inff()), plain = splat(0);
    int64_t whole = width / L * L;
    for (int64_t i = 0; i < width; i += L) {
        vf v = load_part(x + i, width - i);
        if (cap > 0) { v = cap * vtanh(v * (1 / cap)); store_part(x + i, v, width - i); }
        if (i < whole) highest = vmax(highest, v);
        if (smoothing > 0) plain += v;
    }
    float m = max(highest);
    for (int64_t i = whole; i < width; i++) m = std::max(m, x[i]);
    const float at_target = x[target];
    vf total = splat(0);
    for (int64_t i = 0; i < whole; i += L) total += vexp(load(x + i) - m);
    float z = sum(total);
    for (int64_t i = whole; i < width; i++) z += std::exp(x[i] - m);
    const float lse = m + std::log(z), smooth = smoothing / width;
    float loss = lse - (1 - smoothing) * at_target + z_loss * lse * lse;
    if (smoothing > 0) loss -= smooth * sum(plain);
    if (!wants_gradient) return loss;

    const float weight = 1 + 2 * z_loss * lse;
    auto slope = [cap](vf v) { return cap > 0 ? 1.0f - (v * (1 / cap)) * (v * (1 / cap)) : splat(1); };
    float exact = (weight * std::exp(at_target - lse) - smooth - (1 - smoothing)) * slope(splat(at_target))[0];
    for (int64_t i = 0; i < width; i += L) {
        vf v = load_part(x + i, width - i);
        store_part(gradient + i, (vexp(v - lse) * weight - smooth) * slope(v), width - i);
    }
    T last[L];
    store(last, splat(exact));
    gradient[target] = last[0];
    return loss;
}

template <class T>
static void cross_entropy_typed(const LossOptions& o, float* logits, int64_t rows, int64_t width, const int64_t* targets, float* losses,
                                bool wants_gradient, T* gradient) {
    for (int64_t i = 0; i < rows; i++) {
        T* row = gradient + i * width;
        bool counts = targets[i] != o.ignore_index;
        losses[i] = counts ? cross_entropy_row(o, logits + i * width, width, targets[i], wants_gradient, row) : 0;
        if (!counts && wants_gradient) std::memset(row, 0, width * sizeof(T));
    }
}

static void cross_entropy(const LossOptions& o, float* logits, int64_t rows, int64_t width, const int64_t* targets, float* losses,
                          bool wants_gradient, void* gradient) {
    if (gradient) cross_entropy_typed(o, logits, rows, width, targets, losses, wants_gradient, static_cast<bf16*>(gradient));
    else cross_entropy_typed(o, logits, rows, width, targets, losses, wants_gradient, logits);
}

}  // namespace tt::TT_NAMESPACE
