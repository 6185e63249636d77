// The arithmetic of our operators on raw memory: one thread's share each, no libtorch. Every function exists once per instruction set;
// kernels() answers with the widest that this processor has (TT_ISA=amx|avx512bf16|avx512|avx2|portable forces one).
#pragma once
#include <cmath>
#include <cstdint>

#include "attention.h"
#include "types.h"

namespace tt {

struct LossOptions {
    int64_t ignore_index = -100;
    double label_smoothing = 0, z_loss = 0, soft_cap = 0;
};
// A share of one parameter and what updates it. Where the halves are there, the parameter is bf16, and its fp32 value, which is updated,
// is that with the halves below it: value = (bits << 16) + half, so that bits are the value rounded.
struct UpdateView {
    Type param_type, grad_type;
    void* param;
    int16_t* halves;                     // or none
    const void* grad;
    float grad_scale;
    float *first, *second;               // moments, as far as the rule has them
    int64_t n;
};
struct AdamwOptions {
    // Differences from one are taken in double: 1 - 0.999 in float is off by 1.3e-5 of its size.
    AdamwOptions(double lr, double beta1, double beta2, double eps, double weight_decay, int64_t step)
        : keep(1 - lr * weight_decay), rest1(1 - beta1), beta2(beta2), rest2(1 - beta2), eps(eps),
          rate(lr / (1 - std::pow(beta1, step))), root(1 / std::sqrt(1 - std::pow(beta2, step))) {}
    float keep, rest1, beta2, rest2, eps, rate, root;   // rate and root: corrected for the bias of step's moments
};
struct LionOptions {
    LionOptions(double lr, double beta1, double beta2, double weight_decay)
        : keep(1 - lr * weight_decay), rate(lr), beta1(beta1), rest1(1 - beta1), beta2(beta2), rest2(1 - beta2) {}
    float keep, rate, beta1, rest1, beta2, rest2;
};
struct SgdOptions {
    float rate, weight_decay, momentum, share;   // share: of the gradient in the momentum
    bool nesterov;
};
// Rows of a matrix: each gradient is multiplied by its row's and its column's factor.
struct FactoredView {
    Type grad_type;
    const void* grad;
    float grad_scale;
    const float *row_factors, *column_factors;
    int64_t rows, width;
};
struct NormView {
    Type type;
    int64_t width;
    float eps;
    const float *weight, *bias;          // or none
    bool centred;                        // layer norm; else RMS norm
    Type added_type = Type::f32;
};
struct RotaryView {
    Type type;
    int64_t T, H, D, R;                  // R of D rotated
    int64_t x_batch, x_time, x_head, y_batch, y_time, y_head, angle_batch, angle_time;
    bool interleaved, inverse;
};

// Few rows of x (rows, depth) times a weight (outputs, depth), x and weight of one type: y (rows, outputs). Strides between rows.
struct SkinnyView {
    Type type, out;
    int64_t rows, depth;
    const void* x;
    int64_t x_row;
    const void* w;
    int64_t w_row;
    const void* bias;                    // (outputs) of bias_type, or none
    Type bias_type;
    void* y;
    int64_t y_row;
    const void* packed = nullptr;        // x as pack_skinny lays it out
};
// The same with a weight of 8 or 4 bits as quantized.inl lays it out; groups * group inputs, x filled up with zeros to so many.
struct QuantizedView {
    Type out;
    int bits;
    int64_t rows, outputs, groups, group;
    const int32_t* weight;
    const void* scales;
    const float* x;
    int64_t x_row;
    const int16_t* shorts;               // x in 16 bits (rows, groups * group) as split_row leaves it, where uses_shorts
    const float* units;                  // (rows, groups, 2): of these, and an int32 to take off their sums
    const float* bias;                   // (outputs) or none
    void* y;                             // (rows, outputs)
};
// Elementwise functions, and their products with a second half of the row: f(x[:n]) * x[n:].
enum class Activation : int { gelu, gelu_tanh, silu, relu };

struct Kernels {
    const char* name;
    AttentionKernels attention;

    // added: none, or what is added to x first; the sum goes to total then.
    void (*norm_forward)(const NormView&, const void* x, const void* added, void* total, void* y, float* mean, float* rstd, int64_t rows);
    // dweight and dbias (width, or none) are added to; passed: none, or a gradient that is added to dx.
    void (*norm_backward)(const NormView&, const void* x, const void* dy, const void* passed, const float* mean, const float* rstd,
                          void* dx, float* dweight, float* dbias, int64_t rows);

    // up: none, or what f(x) is multiplied by. dup goes with it.
    void (*activation_forward)(Type, Activation, const void* x, const void* up, void* y, int64_t n);
    void (*activation_backward)(Type, Activation, const void* x, const void* up, const void* dy, void* dx, void* dup, int64_t n);

    // Rows of logits (rows, width) -> their losses; the gradient replaces the logits (f32) or goes to gradient (bf16), where wanted.
    void (*cross_entropy)(const LossOptions&, float* logits, int64_t rows, int64_t width, const int64_t* targets, float* losses,
                          bool wants_gradient, void* gradient);

    void (*rotary)(const RotaryView&, const void* x, const float* cos, const float* sin, void* y, int64_t batch, int64_t first,
                   int64_t last);

    void (*adamw)(const AdamwOptions&, const UpdateView&);
    void (*lion)(const LionOptions&, const UpdateView&);
    void (*sgd)(const SgdOptions&, const UpdateView&);
    // Adafactor. Squares of gradients, eps added: a sum for each row, and sums over rows, which are added to column_sums; the sum of
    // squares of the factored gradients; the step: value * keep - factored gradient * rate.
    void (*factored_squares)(const FactoredView&, float eps, float* row_sums, float* column_sums);
    double (*factored_size)(const FactoredView&);
    void (*factored_step)(const FactoredView&, const UpdateView&, float keep, float rate);
    double (*sum_squares)(Type, const void* x, int64_t n);
    void (*column_sums)(Type, const void* x, int64_t rows, int64_t width, int64_t stride, float* sums);   // added to
    void (*convert)(Type from, const void* x, Type to, void* y, int64_t n);

    int64_t (*skinny_size)(const SkinnyView&);                              // bytes that x packed takes
    void (*pack_skinny)(const SkinnyView&, void* packed);
    void (*skinny)(const SkinnyView&, int64_t first, int64_t last);         // outputs, from x packed
    bool uses_shorts;                                                       // quantized wants x split
    void (*quantized)(const QuantizedView&, int64_t first, int64_t last);   // blocks of outputs
    void (*split_row)(const float* x, int64_t groups, int64_t group, int bits, int16_t* shorts, float* units);
    void (*quantize_block)(const float* w, int bits, int64_t groups, int64_t group, int32_t* words, void* scales);
    void (*dequantize_block)(const int32_t* words, const void* scales, int bits, int64_t groups, int64_t group, float* w);
};

const Kernels& kernels();

}  // namespace tt
