#include "attention_launch.cuh"

namespace tt {

template struct DeviceKernels<c10::Half>;

}  // namespace tt
