#include "gpu.h"

namespace tt {

#ifdef TT_HAVE_CUDA
extern const Gpu cuda_kernels;
const Gpu* gpu() { return &cuda_kernels; }
#else
const Gpu* gpu() { return nullptr; }
#endif

}  // namespace tt
