#define TT_NAMESPACE amx
#include "table.inl"
