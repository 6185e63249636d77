// One instruction set's kernels: included by table_*.cpp, whose compiler flags decide the width of a vector.
#include "attention_backward.inl"
#include "attention_rows.inl"
#include "elementwise.inl"
#include "loss.inl"
#include "norm.inl"
#include "optimizer.inl"
#include "quantized.inl"
#include "skinny.inl"

namespace tt::TT_NAMESPACE {

#define TT_TEXT(x) TT_TEXT_(x)
#define TT_TEXT_(x) #x

// Whether this processor has what the compiler was allowed to use.
bool runs_here();
bool runs_here() {
#if defined(__x86_64__)
    __builtin_cpu_init();
#if TT_MATRIX
    if (!__builtin_cpu_supports("amx-tile") || !__builtin_cpu_supports("amx-bf16") || !may_use_matrix_units()) return false;
#endif
#if defined(__AVX512BF16__)
    if (!__builtin_cpu_supports("avx512bf16")) return false;
#endif
#if defined(__AVX512VNNI__)
    if (!__builtin_cpu_supports("avx512vnni")) return false;
#endif
#if defined(__AVX512F__)
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512dq")) return false;
#endif
#if defined(__AVX2__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return false;
#endif
#endif
    return true;
}

const Kernels& table();
const Kernels& table() {
    static const Kernels kernels = {
        TT_TEXT(TT_NAMESPACE),
        {BQ, TT_DOT != 0, padded_size, forward_scratch, attention_forward, backward_scratch, attention_backward, join_backward,
         rows_scratch, attention_rows, join_rows},
        norm_forward, norm_backward, activation_forward, activation_backward, cross_entropy, rotary, adamw, lion, sgd,
        factored_squares, factored_size, factored_step, sum_squares, column_sums, convert, skinny_size, pack_skinny, skinny,
        UsesShorts, quantized, split_row, quantize_block, dequantize_block,
    };
    return kernels;
}

}  // namespace tt::TT_NAMESPACE
