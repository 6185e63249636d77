// Four neighbours at a time, as floats: one access where they lie on a boundary of four, and only those that are there.
#pragma once
#include "device.cuh"
#include "types.h"

namespace tt::device {

template <class T> struct alignas(4 * sizeof(T)) Four { T x[4]; };

template <class T> __device__ __forceinline__ void load4(const T* p, int64_t left, bool aligned, float (&v)[4]) {
    if (aligned && left >= 4) {
        const Four<T> four = *reinterpret_cast<const Four<T>*>(p);
#pragma unroll
        for (int i = 0; i < 4; i++) v[i] = to_float(four.x[i]);
    } else {
#pragma unroll
        for (int i = 0; i < 4; i++) v[i] = i < left ? to_float(p[i]) : 0.0f;
    }
}
template <class T> __device__ __forceinline__ void store4(T* p, int64_t left, bool aligned, const float (&v)[4]) {
    if (aligned && left >= 4) {
        Four<T> four;
#pragma unroll
        for (int i = 0; i < 4; i++) four.x[i] = from_float<T>(v[i]);
        *reinterpret_cast<Four<T>*>(p) = four;
    } else {
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (i < left) p[i] = from_float<T>(v[i]);
    }
}

// Calls what follows with T as the type, on either side.
#define TT_BY_DEVICE_TYPE(type, T, ...)                                 \
    switch (type) {                                                     \
        case Type::f32: { using T = float; __VA_ARGS__; break; }        \
        case Type::bf16: { using T = BFloat16; __VA_ARGS__; break; }    \
        case Type::f16: { using T = Half; __VA_ARGS__; break; }         \
    }

// Of a type known at run time alone, the same for all threads; from its element `at` on.
__device__ __forceinline__ void load4(Type type, const void* p, int64_t at, int64_t left, bool aligned, float (&v)[4]) {
    TT_BY_DEVICE_TYPE(type, T, load4(static_cast<const T*>(p) + at, left, aligned, v))
}
__device__ __forceinline__ void store4(Type type, void* p, int64_t at, int64_t left, bool aligned, const float (&v)[4]) {
    TT_BY_DEVICE_TYPE(type, T, store4(static_cast<T*>(p) + at, left, aligned, v))
}

// Whether fours lie on their boundaries in all of these: 16 bytes serve every type. Absent ones do.
template <class... Pointers> __host__ __device__ __forceinline__ bool on_boundaries(const Pointers*... p) {
    return ((reinterpret_cast<uintptr_t>(p) % 16 == 0) && ...);
}
// Threads enough for so many fours.
inline dim3 blocks_for(int64_t n, int threads) { return dim3(static_cast<unsigned>((n + threads - 1) / threads)); }

}  // namespace tt::device
