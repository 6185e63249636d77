// Chooses the instruction set once per process.
#include "kernels.h"

#include <cstdlib>
#include <cstring>

namespace tt {

namespace avx512 { const Kernels& table(); bool runs_here(); }
namespace avx2 { const Kernels& table(); bool runs_here(); }
namespace portable { const Kernels& table(); bool runs_here(); }

static const Kernels& choose() {
    const char* wanted = std::getenv("TT_ISA");
    auto allowed = [wanted](const char* name) { return !wanted || !*wanted || std::strcmp(wanted, name) == 0; };
    if (avx512::runs_here() && allowed("avx512")) return avx512::table();
    if (avx2::runs_here() && (allowed("avx2") || allowed("avx512"))) return avx2::table();
    return portable::table();
}

const Kernels& kernels() {
    static const Kernels& chosen = choose();
    return chosen;
}

}  // namespace tt
