// The arithmetic of our operators on a GPU. Each function queues its kernels on the current stream of the current device and waits for
// nothing, so that it can be captured in a graph. Arguments as those of the processor's kernels (kernels.h), on the device.
#pragma once
#include "kernels.h"

namespace tt {

struct Gpu {
    void (*norm_forward)(const NormView&, const void* x, const void* added, void* total, void* y, float* mean, float* rstd, int64_t rows);
    // dweight and dbias: (parts, width), or none; to be summed over parts.
    int64_t (*norm_parts)(int64_t width, int64_t rows);
    void (*norm_backward)(const NormView&, const void* x, const void* dy, const void* passed, const float* mean, const float* rstd,
                          void* dx, float* dweight, float* dbias, int64_t rows, int64_t parts);

    // y (rows, width) of x, which is twice as wide where gated.
    void (*activation)(Type, Activation, const void* x, void* y, int64_t rows, int64_t width, bool gated);
    void (*activation_backward)(Type, Activation, const void* x, const void* dy, void* dx, int64_t rows, int64_t width, bool gated);
    void (*rotary)(const RotaryView&, const void* x, const float* cos, const float* sin, void* y, int64_t batch);

    // The gradient replaces the logits where wanted.
    void (*cross_entropy)(const LossOptions&, Type, void* logits, int64_t stride, int64_t rows, int64_t width, const int64_t* targets,
                          float* losses, bool wants_gradient);

    // grad_scale: one float on the device, or none; the views' own is not read.
    void (*adamw)(const AdamwOptions&, const UpdateView* views, int64_t count, const float* grad_scale);
    void (*lion)(const LionOptions&, const UpdateView* views, int64_t count, const float* grad_scale);
    void (*sgd)(const SgdOptions&, const UpdateView* views, int64_t count, const float* grad_scale);
    // The 2-norm of all gradients; sums: room for norm_room floats.
    int64_t (*norm_room)(const UpdateView* views, int64_t count);
    void (*gradient_norm)(const UpdateView* views, int64_t count, float* sums, float* norm);

    int64_t widest_norm;
};

// None where this library was built without CUDA.
const Gpu* gpu();

}  // namespace tt
