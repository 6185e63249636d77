// Documents and padding as codes: a query sees the keys of its own code, and blocks whose codes lie apart are skipped.
#pragma once
#include "attention_device.h"
#include "device.cuh"

namespace tt::device {

// Least and greatest of a warp's codes, those that are Hidden left out, to blocks[2 i] and blocks[2 i + 1].
__device__ __forceinline__ void keep_bounds(int code, int* blocks) {
    int least = code == HiddenCode ? INT32_MAX : code, greatest = code == HiddenCode ? INT32_MIN : code;
#pragma unroll
    for (int other = WarpSize / 2; other > 0; other /= 2) {
        least = min(least, __shfl_xor_sync(AllLanes, least, other));
        greatest = max(greatest, __shfl_xor_sync(AllLanes, greatest, other));
    }
    if (threadIdx.x % WarpSize == 0) {
        blocks[0] = least;
        blocks[1] = greatest;
    }
}

// A thread a key, and a query; `blocks` blocks of the grid a sequence.
__global__ void __launch_bounds__(128) attention_codes(const DeviceMasks m, int blocks) {
    static_assert(CodeBlock == WarpSize);
    const int b = blockIdx.x / blocks, i = blockIdx.x % blocks * blockDim.x + threadIdx.x, first = i / CodeBlock * CodeBlock;
    const int64_t keys = (int64_t)b * m.Tk;
    if (first < m.Tk) {
        int code = HiddenCode;
        const bool seen = i < m.Tk && (!m.key_mask || m.key_mask[keys + i]);
        if (seen) code = m.documents ? (int)m.documents[keys + i] : 0;
        if (i < m.Tk) m.key_codes[keys + i] = code;
        keep_bounds(code, m.key_blocks + 2 * ((int64_t)b * ((m.Tk + CodeBlock - 1) / CodeBlock) + i / CodeBlock));
    }
    if (first < m.Tq) {
        int code = HiddenCode;
        if (i < m.Tq) {
            code = m.documents ? (int)m.documents[keys + m.Tk - m.Tq + i] : 0;
            m.query_codes[(int64_t)b * m.Tq + i] = code;
        }
        keep_bounds(code, m.query_blocks + 2 * ((int64_t)b * ((m.Tq + CodeBlock - 1) / CodeBlock) + i / CodeBlock));
    }
}

}  // namespace tt::device

namespace tt {

void launch_attention_codes(const DeviceMasks& m) {
    const int blocks = ((m.Tq > m.Tk ? m.Tq : m.Tk) + 127) / 128;
    device::launch(device::attention_codes, dim3(m.B * blocks), dim3(128), 0, m, blocks);
}

}  // namespace tt
