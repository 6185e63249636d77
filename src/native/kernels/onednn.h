// Matrix products through oneDNN: primitives made once per shape, weights converted and packed once per version.
#pragma once
#include <optional>

#include <ATen/core/Tensor.h>

#include "kernels.h"

namespace tt {

// A matrix by strides; one of the two strides is 1.
struct Matrix {
    Type type = Type::f32;
    void* data = nullptr;
    int64_t rows = 0, columns = 0, row = 0, column = 0;
    Matrix transposed() const { return {type, data, columns, rows, column, row}; }
};
Matrix matrix(const at::Tensor& x);   // (rows, columns), fp32 or bf16
Type type_of(const at::Tensor& x);

// What follows the products, in this order: c's old value is added, the bias of c's columns, a function of the sum.
struct Epilogue {
    const float* bias = nullptr;
    bool add = false;
    std::optional<Activation> activation = std::nullopt;
};

// c = a b; bf16 on a processor without instructions for it by way of fp32
void multiply(const Matrix& a, const Matrix& b, const Matrix& c, const Epilogue& epilogue = {});

// The same with b = weight (out, in) as is (K = out) or transposed (K = in), from a copy in `type` packed for the product; the copy is
// made again when the weight has changed.
enum class Use { as_is, transposed };
void multiply_weight(const Matrix& a, const at::Tensor& weight, Use use, Type type, const Matrix& c, const Epilogue& epilogue = {});

}  // namespace tt
