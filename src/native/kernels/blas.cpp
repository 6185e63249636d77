// sgemm_ of our own, answered by oneDNN: the dynamic linker resolves libtorch's calls in the order of loading, breadth first from the
// library that was opened, which is ours. On AVX-512 it is twice as fast as OpenBLAS's.
#ifdef TT_HAVE_DNNL
#include <cstdint>

#include <oneapi/dnnl/dnnl.h>

extern "C" __attribute__((visibility("default")))
void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k, const float* alpha, const float* a,
            const int* lda, const float* b, const int* ldb, const float* beta, float* c, const int* ldc) {
    if (*m <= 0 || *n <= 0) return;
    if (*k <= 0 || *alpha == 0) {   // C = beta C, and a C that beta = 0 drops is not read
        for (int64_t j = 0; j < *n; j++)
            for (int64_t i = 0; i < *m; i++) {
                float& x = c[j * *ldc + i];
                x = *beta == 0 ? 0 : *beta * x;
            }
        return;
    }
    auto transposed = [](char t) { return t == 'N' || t == 'n' ? 'N' : 'T'; };
    // Fortran's columns are oneDNN's rows: C^T = op(B)^T op(A)^T
    dnnl_sgemm(transposed(*transb), transposed(*transa), *n, *m, *k, *alpha, b, *ldb, a, *lda, *beta, c, *ldc);
}
#endif
