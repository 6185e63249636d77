// One instruction set's kernels: included by table_*.cpp, whose compiler flags decide the width of a vector.
#include "attention.inl"
#include "elementwise.inl"
#include "loss.inl"
#include "norm.inl"
#include "optimizer.inl"

namespace tt::TT_NAMESPACE {

#define TT_TEXT(x) TT_TEXT_(x)
#define TT_TEXT_(x) #x

const Kernels& table();
const Kernels& table() {
    static const Kernels kernels = {
        TT_TEXT(TT_NAMESPACE), BQ, attention_scratch, attention_forward, attention_backward_scratch, attention_backward,
        norm_forward, norm_backward, gelu_forward, gelu_backward, cross_entropy, rotary, adamw, sum_squares, column_sums, convert,
    };
    return kernels;
}

}  // namespace tt::TT_NAMESPACE
