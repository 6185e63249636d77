#define TT_NAMESPACE avx512bf16
#include "table.inl"
