// Chooses the instruction set once per process.
#include "kernels.h"

#include <cstdlib>
#include <cstring>

namespace tt {

namespace avx512 { const Kernels& table(); }
namespace avx2 { const Kernels& table(); }
namespace portable { const Kernels& table(); }

static const Kernels& choose() {
    const char* wanted = std::getenv("TT_ISA");
#if defined(__x86_64__)
    auto allowed = [wanted](const char* name) { return !wanted || !*wanted || std::strcmp(wanted, name) == 0; };
    __builtin_cpu_init();
    bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (has_avx512 && allowed("avx512")) return avx512::table();
    if (has_avx2 && (allowed("avx2") || allowed("avx512"))) return avx2::table();
#else
    (void)wanted;
#endif
    return portable::table();
}

const Kernels& kernels() {
    static const Kernels& chosen = choose();
    return chosen;
}

}  // namespace tt
