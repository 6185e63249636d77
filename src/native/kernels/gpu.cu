#include "elementwise.cuh"
#include "gpu.h"
#include "loss.cuh"
#include "norm.cuh"
#include "optimizer.cuh"

namespace tt {

extern const Gpu cuda_kernels;
const Gpu cuda_kernels{device::norm_forward, device::norm_parts, device::norm_backward, device::activation, device::activation_backward,
                       device::rotary, device::cross_entropy, device::adamw, device::lion, device::sgd, device::norm_room,
                       device::gradient_norm, device::WidestNorm};

}  // namespace tt
