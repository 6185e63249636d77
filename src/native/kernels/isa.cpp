// Chooses the instruction set once per process.
#include "isa.h"

#include "kernels.h"

#include <cstdlib>
#include <cstring>

namespace tt {

#ifdef TT_AMX
namespace amx { const Kernels& table(); bool runs_here(); }
#endif
namespace avx512bf16 { const Kernels& table(); bool runs_here(); }
namespace avx512 { const Kernels& table(); bool runs_here(); }
namespace avx2 { const Kernels& table(); bool runs_here(); }
namespace portable { const Kernels& table(); bool runs_here(); }

static const Kernels& choose() {
    struct Table { const char* name; bool (*runs_here)(); const Kernels& (*table)(); };
    static const Table tables[] = {
#ifdef TT_AMX
        {"amx", amx::runs_here, amx::table},
#endif
        {"avx512bf16", avx512bf16::runs_here, avx512bf16::table},
        {"avx512", avx512::runs_here, avx512::table},
        {"avx2", avx2::runs_here, avx2::table},
    };
    const char* wanted = std::getenv("TT_ISA");
    bool reached = !wanted || !*wanted;   // the wanted one, or the next that runs here
    for (const Table& t : tables) {
        reached = reached || std::strcmp(wanted, t.name) == 0;
        if (reached && t.runs_here()) return t.table();
    }
    return portable::table();
}

const Kernels& kernels() {
    static const Kernels& chosen = choose();
    return chosen;
}

std::string kernel_choice() {
    std::string name = kernels().name, wanted = std::getenv("TT_ISA") ? std::getenv("TT_ISA") : "";
    if (name == "amx") return name;
    if (!wanted.empty() && wanted != "amx") return name + " (TT_ISA=" + wanted + ")";
    return name + " (not amx: this processor, or the compiler that was used, lacks an instruction)";
}

}  // namespace tt
