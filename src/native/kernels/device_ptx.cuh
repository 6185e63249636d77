// The instructions for tensor cores and asynchronous copies that CUDA C++ has no names for (PTX ISA, compute capability 8.0 on). In
// comments: lane / 4 is g, lane % 4 is t. The emulation has functions of the same names and meaning.
#pragma once
#include <cstdint>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

namespace tt::device {

__device__ __forceinline__ unsigned shared_address(const void* p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }

// Four matrices of 8 x 8 halves: lane i gives the address of row i % 8 of matrix i / 8, 16 bytes aligned; x[m] is elements (g, 2 t) and
// (g, 2 t + 1) of matrix m; of its transpose for the second.
__device__ __forceinline__ void load_matrices(uint32_t (&x)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(shared_address(row)) : "memory");
}
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&x)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(shared_address(row)) : "memory");
}

// sums (16, 8) += a (16, 16) b (16, 8): sums are (g, 2 t), (g, 2 t + 1), (g + 8, 2 t), (g + 8, 2 t + 1); a[0] holds (g, 2 t) and
// (g, 2 t + 1), a[1] those of row g + 8, a[2] and a[3] those 8 columns on; b[0] holds (2 t, g) and (2 t + 1, g), b[1] those 8 rows on.
template <class T> __device__ void multiply(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
template <> __device__ __forceinline__ void multiply<c10::BFloat16>(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <> __device__ __forceinline__ void multiply<c10::Half>(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// sums (16, 8) += a (16, 8) b (8, 8) in TF32, whose numbers are floats without their low 13 bits: a is (g, t), (g + 8, t), (g, t + 4),
// (g + 8, t + 4); b is (t, g), (t + 4, g).
__device__ __forceinline__ void multiply_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Two numbers in one register, the first in the low half.
template <class T> __device__ uint32_t pack(float first, float second);
template <> __device__ __forceinline__ uint32_t pack<c10::BFloat16>(float first, float second) {
    __nv_bfloat162 both = __floats2bfloat162_rn(first, second);
    return *reinterpret_cast<uint32_t*>(&both);
}
template <> __device__ __forceinline__ uint32_t pack<c10::Half>(float first, float second) {
    __half2 both = __floats2half2_rn(first, second);
    return *reinterpret_cast<uint32_t*>(&both);
}

// 16 bytes into shared memory, past the registers; zeros where not `there`. They have come once this thread has waited for all but the
// newest `Left` of the groups that it has closed, and for other threads after a barrier.
__device__ __forceinline__ void copy_16(void* shared, const void* global, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(shared_address(shared)), "l"(global), "r"(there ? 16 : 0)
                 : "memory");
}
__device__ __forceinline__ void close_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int Left> __device__ __forceinline__ void wait_copies() { asm volatile("cp.async.wait_group %0;" :: "n"(Left) : "memory"); }

}  // namespace tt::device
