// CUDA's execution model on the CPU, so that tests run kernels without a GPU: blocks one after another, every thread a fiber that runs to
// its next barrier. The order of blocks and threads turns round at each launch, so what depends on it differs from run to run. A kernel
// that diverges at a barrier or a collective of a warp, takes more shared memory than every GPU of compute capability 8.0 on has, or
// writes past it, ends the program; dynamic shared memory begins as NaN, and asynchronous copies come no sooner than waited for.
#pragma once
#include <cmath>
#include <type_traits>

#include "cuda_fibers.h"

#pragma GCC diagnostic ignored "-Wunknown-pragmas"   // unroll

#define __global__ inline
#define __device__
#define __host__
#define __shared__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __grid_constant__

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

#define threadIdx (tt::emulation::thread_index)
#define blockIdx (tt::emulation::block_index)
#define blockDim (tt::emulation::block_size)
#define gridDim (tt::emulation::grid_size)

// Barriers and collectives --------------------------------------------------------------------------------------------------------------
#define TT_LINE int line = __builtin_LINE()

inline void __syncthreads(TT_LINE) {
    tt::emulation::pass(tt::emulation::all, tt::emulation::block_size.x, line);
}
inline int __syncthreads_count(int predicate, TT_LINE) {
    using namespace tt::emulation;
    const unsigned turn = all.passed % 2;
    if (all.arrived == 0) votes[turn] = 0;
    votes[turn] += predicate != 0;
    pass(all, block_size.x, line);
    return votes[turn];
}
inline int __syncthreads_or(int predicate, TT_LINE) { return __syncthreads_count(predicate, line) > 0; }
inline int __syncthreads_and(int predicate, TT_LINE) { return __syncthreads_count(!predicate, line) == 0; }

inline void all_lanes(unsigned mask, int line) {
    if (mask != 0xffffffffu) tt::emulation::fail("collectives of whole warps alone are emulated", line);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, TT_LINE) {
    all_lanes(mask, line);
    tt::emulation::exchange("__syncwarp", 0, line);
}
template <class T> T __shfl_sync(unsigned mask, T value, int from, int width = 32, TT_LINE) {
    all_lanes(mask, line);
    int lane = threadIdx.x % 32;
    return tt::emulation::exchange("__shfl_sync", value, line)[lane / width * width + (from & (width - 1))];
}
template <class T> T __shfl_xor_sync(unsigned mask, T value, int other, int width = 32, TT_LINE) {
    all_lanes(mask, line);
    int lane = threadIdx.x % 32, from = lane ^ other;
    return tt::emulation::exchange("__shfl_xor_sync", value, line)[from / width > lane / width ? lane : from];
}
template <class T> T __shfl_down_sync(unsigned mask, T value, int by, int width = 32, TT_LINE) {
    all_lanes(mask, line);
    int lane = threadIdx.x % 32, from = lane + by;
    return tt::emulation::exchange("__shfl_down_sync", value, line)[from / width != lane / width ? lane : from];
}
template <class T> T __shfl_up_sync(unsigned mask, T value, int by, int width = 32, TT_LINE) {
    all_lanes(mask, line);
    int lane = threadIdx.x % 32, from = lane - by;
    return tt::emulation::exchange("__shfl_up_sync", value, line)[from < lane / width * width ? lane : from];
}
inline unsigned __ballot_sync(unsigned mask, int predicate, TT_LINE) {
    all_lanes(mask, line);
    auto votes = tt::emulation::exchange("__ballot_sync", predicate != 0, line);
    unsigned bits = 0;
    for (int i = 0; i < 32; i++) bits |= (unsigned)votes[i] << i;
    return bits;
}
inline int __any_sync(unsigned mask, int predicate, TT_LINE) { return __ballot_sync(mask, predicate, line) != 0; }
inline int __all_sync(unsigned mask, int predicate, TT_LINE) { return __ballot_sync(mask, predicate, line) == 0xffffffffu; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
#undef TT_LINE

// One thread runs at a time.
template <class T> T atomicAdd(T* to, T value) { T before = *to; *to += value; return before; }
template <class T> T atomicMax(T* to, T value) { T before = *to; if (value > before) *to = value; return before; }
inline void __threadfence() {}

// Numbers -----------------------------------------------------------------------------------------------------------------------------
template <class T> T __ldg(const T* p) { return *p; }
template <class T> std::common_type_t<T> min(T a, T b) { return b < a ? b : a; }
template <class T> std::common_type_t<T> max(T a, T b) { return a < b ? b : a; }
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
template <class To, class From> To same_bits(From x) {
    static_assert(sizeof(To) == sizeof x);
    To y;
    std::memcpy(&y, &x, sizeof y);
    return y;
}
inline unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
inline int __float_as_int(float x) { return same_bits<int>(x); }
inline float __uint_as_float(unsigned x) { return same_bits<float>(x); }
inline float __int_as_float(int x) { return same_bits<float>(x); }

// What device_ptx.cuh has, and the launch ---------------------------------------------------------------------------------------------
namespace tt::device {

template <class T> void halves_of(uint32_t x, float (&y)[2]) {
    T both[2];
    std::memcpy(both, &x, sizeof x);
    y[0] = both[0]; y[1] = both[1];
}
template <class T> uint32_t pack(float first, float second) {
    T both[2] = {T(first), T(second)};
    uint32_t x;
    std::memcpy(&x, both, sizeof x);
    return x;
}

inline void gather_matrices(const char* call, uint32_t (&x)[4], const void* row, bool transposed) {
    if (reinterpret_cast<uintptr_t>(row) % 16) emulation::fail("a row of a matrix is not aligned to 16 bytes");
    auto rows = emulation::exchange(call, row, 0);
    const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    for (int m = 0; m < 4; m++) {
        uint16_t both[2];
        for (int i = 0; i < 2; i++) {
            int from = transposed ? 2 * t + i : g, at = transposed ? g : 2 * t + i;
            std::memcpy(&both[i], static_cast<const unsigned char*>(rows[m * 8 + from]) + 2 * at, 2);
        }
        std::memcpy(&x[m], both, 4);
    }
    __syncwarp();   // what was read may be overwritten only now; on a GPU the instruction reads for all lanes at once
}
inline void load_matrices(uint32_t (&x)[4], const void* row) { gather_matrices("load_matrices", x, row, false); }
inline void load_matrices_transposed(uint32_t (&x)[4], const void* row) { gather_matrices("load_matrices_transposed", x, row, true); }

struct Operands { uint32_t a[4], b[2]; };
template <class T> void multiply(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    auto all = emulation::exchange("multiply", Operands{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}}, 0);
    const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) {
        const int row = i / 2, column = 2 * t + i % 2;
        double sum = sums[i];
        for (int k = 0; k < 16; k += 2) {   // a[row + 2 (k / 8)] of lane (g, k % 8 / 2), b[k / 8] of lane (column, k % 8 / 2)
            float x[2], y[2];
            halves_of<T>(all[g * 4 + k % 8 / 2].a[row + k / 8 * 2], x);
            halves_of<T>(all[column * 4 + k % 8 / 2].b[k / 8], y);
            sum += x[0] * y[0] + x[1] * y[1];
        }
        sums[i] = (float)sum;
    }
}
inline void multiply_tf32(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    auto all = emulation::exchange("multiply_tf32", Operands{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}}, 0);
    const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) {
        const int row = i / 2, column = 2 * t + i % 2;
        for (int k = 0; k < 8; k++) {
            uint32_t x = all[g * 4 + k % 4].a[row + k / 4 * 2] & ~0x1fffu, y = all[column * 4 + k % 4].b[k / 4] & ~0x1fffu;
            sums[i] += __uint_as_float(x) * __uint_as_float(y);
        }
    }
}

inline void copy_16(void* shared, const void* global, bool there) {
    if (reinterpret_cast<uintptr_t>(shared) % 16 || reinterpret_cast<uintptr_t>(global) % 16)
        emulation::fail("a copy is not aligned to 16 bytes");
    auto& copies = emulation::current->copies;
    if (copies.empty()) copies.emplace_back();
    copies.back().push_back({shared, global, there});
}
inline void close_copies() {
    auto& copies = emulation::current->copies;
    if (copies.empty()) copies.emplace_back();
    copies.emplace_back();
}
template <int Left> void wait_copies() {
    auto& copies = emulation::current->copies;
    while (copies.size() > Left + 1) {   // closed ones, and the open one
        for (auto& copy : copies.front())
            if (copy.there) std::memcpy(copy.to, copy.from, 16);
            else std::memset(copy.to, 0, 16);
        copies.erase(copies.begin());
    }
}

template <class T> T* dynamic_shared() { return reinterpret_cast<T*>(emulation::shared_memory); }

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, Arguments... arguments) {
    using namespace emulation;
    const bool whole_warps = block.x % 32 == 0 && block.x > 0 && block.x <= 1024 && block.y == 1 && block.z == 1;
    if (!whole_warps) fail("a block is whole warps along x, 1,024 threads at most");
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535) fail("no such grid");
    if (shared > LeastShared) fail("more shared memory than every GPU has");
    const std::function<void()> call = [&] { kernel(arguments...); };
    body = &call;
    block_size = block;
    grid_size = grid;
    const bool backwards = launches++ % 2;
    const uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z;
    for (uint64_t n = 0; n < blocks; n++) {
        uint64_t i = backwards ? blocks - 1 - n : n;
        block_index = {(unsigned)(i % grid.x), (unsigned)(i / grid.x % grid.y), (unsigned)(i / grid.x / grid.y)};
        run_block(backwards, shared);
    }
}

struct DeviceGuard { template <class Device> explicit DeviceGuard(Device) {} };

}  // namespace tt::device
