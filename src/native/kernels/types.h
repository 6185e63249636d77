#pragma once

namespace tt {

// Element types that our kernels compute with; sums are always in f32.
enum class Type : int { f32, bf16, f16 };   // f16 on GPUs alone

}  // namespace tt
