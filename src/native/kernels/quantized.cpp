// Linear layers whose weights are stored in 8 or 4 bits, for inference.
#include "operators.h"
#include "parallel.h"

namespace tt {

using at::Tensor;

namespace {

constexpr int64_t Outputs = 16;   // of a block

void check_bits(int64_t bits, int64_t group) {
    TORCH_CHECK(bits == 8 || bits == 4, "a quantized weight has 8 or 4 bits, not ", bits);
    TORCH_CHECK(group >= 8 && group <= 128 && group % 8 == 0, "a group is 8 to 128 inputs, a multiple of 8, not ", group);
}

// From libtorch's operators, on any device.
Tensor dequantized(const Tensor& packed, const Tensor& scales, int64_t bits) {
    Tensor bytes = packed.unsqueeze(-1).view(at::kChar);   // (blocks, groups, words, 16, 4)
    if (packed.dim() == 4 && bytes.dim() != 5) bytes = bytes.view({packed.size(0), packed.size(1), packed.size(2), Outputs, 4});
    if (bits == 4) bytes = at::cat({at::bitwise_right_shift(at::bitwise_left_shift(bytes, 4), 4), at::bitwise_right_shift(bytes, 4)}, -1);
    Tensor rows = bytes.permute({0, 3, 1, 2, 4}).flatten(3).to(at::kFloat);   // (blocks, 16, groups, group)
    return (rows * scales.to(at::kFloat).transpose(1, 2).unsqueeze(-1)).flatten(2).flatten(0, 1);
}

}  // namespace

std::tuple<Tensor, Tensor> quantize_weight(const Tensor& weight, int64_t bits, int64_t group) {
    check_bits(bits, group);
    TORCH_CHECK(weight.dim() == 2 && (weight.is_cpu() || weight.is_meta()), "quantize_weight: a matrix on the CPU, not ", weight.sizes());
    const int64_t O = weight.size(0), K = weight.size(1), blocks = (O + Outputs - 1) / Outputs, groups = (K + group - 1) / group;
    const int64_t words = group * bits / 32, wide = groups * group;
    auto like = weight.options().requires_grad(false);
    Tensor packed = at::empty({blocks, groups, words, Outputs}, like.dtype(at::kInt)),
           scales = at::empty({blocks, groups, Outputs}, like.dtype(at::kBFloat16));
    if (weight.is_meta()) return {packed, scales};
    for_ranges(blocks, 1, [&](int64_t first, int64_t last) {
        for (int64_t block = first; block < last; block++) {
            int64_t rows = std::min(Outputs, O - block * Outputs);
            Tensor w = at::zeros({Outputs, wide}, at::kFloat);
            w.narrow(0, 0, rows).narrow(1, 0, K).copy_(weight.detach().narrow(0, block * Outputs, rows));
            kernels().quantize_block(w.data_ptr<float>(), (int)bits, groups, group,
                                     packed.data_ptr<int32_t>() + block * groups * words * Outputs,
                                     scales.data_ptr<at::BFloat16>() + block * groups * Outputs);
        }
    });
    return {packed, scales};
}

Tensor dequantize_weight(const Tensor& packed, const Tensor& scales, int64_t bits, int64_t outputs, int64_t inputs) {
    if (!packed.is_cpu()) return dequantized(packed, scales, bits).narrow(0, 0, outputs).narrow(1, 0, inputs);
    const int64_t blocks = packed.size(0), groups = packed.size(1), words = packed.size(2), group = words * 32 / bits;
    Tensor w = at::empty({blocks * Outputs, groups * group}, at::kFloat);
    for_ranges(blocks, 1, [&](int64_t first, int64_t last) {
        for (int64_t block = first; block < last; block++)
            kernels().dequantize_block(packed.data_ptr<int32_t>() + block * groups * words * Outputs,
                                       scales.data_ptr<at::BFloat16>() + block * groups * Outputs, (int)bits, groups, group,
                                       w.data_ptr<float>() + block * Outputs * groups * group);
    });
    return w.narrow(0, 0, outputs).narrow(1, 0, inputs);
}

Tensor quantized_linear(const Tensor& x, const Tensor& packed, const Tensor& scales, const OptionalTensor& bias, int64_t bits,
                        int64_t outputs, const std::string& name, bool gated) {
    TORCH_CHECK(packed.dim() == 4 && scales.dim() == 3 && packed.is_contiguous() && scales.is_contiguous(),
                "quantized_linear: no weight of quantize_weight: ", packed.sizes(), ", ", scales.sizes());
    const int64_t blocks = packed.size(0), groups = packed.size(1), words = packed.size(2), group = words * 32 / bits;
    const int64_t K = x.size(-1), wide = groups * group;
    check_bits(bits, group);
    TORCH_CHECK(0 < K && K <= wide && K > wide - group && (outputs + Outputs - 1) / Outputs == blocks, "quantized_linear: x ", x.sizes(),
                " does not go with a weight of ", outputs, " outputs and ", wide, " inputs");
    std::optional<ActivationOptions> function;
    if (!name.empty()) function = activation_named(name, gated, outputs);
    if (!on_kernels(x) || wants_gradient(x)) {
        Tensor w = dequantize_weight(packed, scales, bits, outputs, K).to(x.scalar_type());
        Tensor y = at::linear(x, w, bias && bias->defined() ? OptionalTensor(bias->to(x.scalar_type())) : std::nullopt);
        return function ? activation(y, name, gated) : y;
    }
    std::vector<int64_t> sizes = x.sizes().vec();
    sizes.back() = outputs;
    Tensor y = fresh(sizes, x.scalar_type()), b = as_float(or_undefined(bias)), rows = as_float(x);
    if (K < wide) rows = at::constant_pad_nd(rows, {0, wide - K});
    const int64_t N = x.numel() / K;
    QuantizedView view{kernel_type(x), (int)bits, N, outputs, groups, group, packed.data_ptr<int32_t>(), scales.data_ptr(),
                       rows.data_ptr<float>(), wide, nullptr, nullptr, floats(b), y.data_ptr()};
    Tensor split;   // each row's groups: units, then numbers of 16 bits
    if (kernels().uses_shorts) {
        split = fresh({N * (2 * groups + wide / 2)}, at::kFloat);
        float* units = split.data_ptr<float>();
        auto shorts = (int16_t*)(units + 2 * N * groups);
        for_ranges(N, std::max<int64_t>(1, 32768 / wide), [&](int64_t first, int64_t last) {
            for (int64_t row = first; row < last; row++)
                kernels().split_row(view.x + row * wide, groups, group, (int)bits, shorts + row * wide, units + 2 * row * groups);
        });
        view.shorts = shorts, view.units = units;
    }
    const int64_t pairs = (blocks + 1) / 2;   // a piece has an even number of blocks: with few rows its halves are read side by side
    if (N > 0)
        for_pieces(pairs, 2 * groups * words * Outputs * 4, [&](int64_t first, int64_t last) {
            kernels().quantized(view, 2 * first, std::min(2 * last, blocks));
        });
    if (!function) return y;
    if (gated) return activated(y, *function);
    activate(y, *function, y);
    return y;
}

}  // namespace tt
