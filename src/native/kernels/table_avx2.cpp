#define TT_NAMESPACE avx2
#include "table.inl"
