#define TT_NAMESPACE portable
#include "table.inl"
