#include "attention_launch.cuh"

namespace tt {

template struct DeviceKernels<c10::BFloat16>;

}  // namespace tt
