// Philox4x32-10 (Salmon et al., 2011), a lane at a time: random numbers by place, the same whoever asks for them.
#pragma once
#include "vec.h"

namespace tt::TT_NAMESPACE {

typedef uint64_t vq __attribute__((vector_size(4 * TT_LANES)));

// The products of lanes 0, 2, ... in 64 bits.
TT_INLINE vq multiply_even(vu a, vu b) {
#if TT_LANES == 16
    return (vq)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif TT_LANES == 8
    return (vq)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#else
    return ((vq)a & 0xffffffffu) * ((vq)b & 0xffffffffu);
#endif
}

// High and low halves of the products.
TT_INLINE void multiply_wide(vu a, uint32_t b, vu& high, vu& low) {
    vu factor = vu{} + b;
    vq even = multiply_even(a, factor), odd = multiply_even((vu)((vq)a >> 32), factor);
    const vq upper = vq{} + 0xffffffff00000000ull;
    high = (vu)((even >> 32) | (odd & upper));
    low = (vu)((even & ~upper) | (odd << 32));
}

TT_INLINE void philox(vu (&x)[4], uint64_t seed) {
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++, key0 += 0x9E3779B9u, key1 += 0xBB67AE85u) {
        vu high0, low0, high1, low1;
        multiply_wide(x[0], 0xD2511F53u, high0, low0);
        multiply_wide(x[2], 0xCD9E8D57u, high1, low1);
        vu y0 = high1 ^ x[1] ^ (vu{} + key0), y2 = high0 ^ x[3] ^ (vu{} + key1);
        x[0] = y0; x[1] = low1; x[2] = y2; x[3] = low0;
    }
}

}  // namespace tt::TT_NAMESPACE
