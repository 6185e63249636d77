#include "attention_launch.cuh"

namespace tt {

template struct DeviceKernels<float>;

}  // namespace tt
