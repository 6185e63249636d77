// What our allocator of large tensors has handed out.
#pragma once
#include <cstddef>

namespace tt {

struct MemoryInUse { size_t used = 0, kept = 0, peak = 0; };   // bytes; all zero where libtorch's own allocator stands

// restart: the peak is counted from here on.
MemoryInUse memory_in_use(bool restart);

}  // namespace tt
