#define TT_NAMESPACE avx512
#include "table.inl"
