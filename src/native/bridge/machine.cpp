#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/version.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

#include "kernels/allocator.h"
#include "kernels/isa.h"
#include "guard.h"

namespace {

// The library that answers matrix products, for whoever calls them by the BLAS name.
std::string blas_in_front() {
#if defined(_WIN32)
    return "libtorch's own";
#else
    void* symbol = dlsym(RTLD_DEFAULT, "sgemm_");
    Dl_info info;
    return symbol != nullptr && dladdr(symbol, &info) != 0 ? info.dli_fname : "libtorch's own";
#endif
}

std::string own_operators() {
    std::vector<std::string> names;
    for (const auto& op : c10::Dispatcher::singleton().getAllOpNames()) {
        const auto separator = op.name.find("::");
        if (op.name.compare(0, separator, "transformertorch") == 0) names.push_back(op.name.substr(separator + 2));
    }
    std::sort(names.begin(), names.end());
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : " ") + name;
    return text.empty() ? "none" : text;
}

std::string compiler() {
#if defined(__clang__) || defined(__GNUC__)
    return __VERSION__;
#elif defined(_MSC_VER)
    return "MSVC " + std::to_string(_MSC_VER);
#else
    return "unknown";
#endif
}

std::string build_info() {
    std::ostringstream text;
    text << "libtorch: " << TORCH_VERSION << " (headers)\n"
         << "compiler: " << compiler() << '\n'
         << "CPU kernels: " << at::get_cpu_capability() << '\n'
         << "own kernels: " << tt::kernel_choice() << '\n'
         << "own operators: " << own_operators() << '\n'
         << "BLAS in front: " << blas_in_front() << '\n'
         << "CUDA: " << (tt_cuda_built() ? "yes" : "no") << '\n';
    return text.str();
}

// Text that stays valid until this thread asks again.
template <class F>
const char* text(F&& make) {
    thread_local std::string kept;
    return tt::value<const char*>("", [&] {
        kept = make();
        return kept.c_str();
    });
}

void check_threads(int32_t threads) { TORCH_CHECK(threads > 0, "the number of threads must be positive, not ", threads); }

}  // namespace

extern "C" {

const char* tt_torch_version(void) {
    static const std::string version = std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + "." +
                                       std::to_string(TORCH_VERSION_PATCH);
    return version.c_str();
}

const char* tt_build_info(void) { return text(build_info); }
const char* tt_torch_config(void) { return text(at::show_config); }

int32_t tt_threads(void) {
    return tt::number([] { return at::get_num_threads(); });
}

int32_t tt_set_threads(int32_t threads) {
    return tt::status([&] {
        check_threads(threads);
        at::set_num_threads(threads);
    });
}

int32_t tt_interop_threads(void) {
    return tt::number([] { return at::get_num_interop_threads(); });
}

int32_t tt_set_interop_threads(int32_t threads) {
    return tt::status([&] {
        check_threads(threads);
        at::set_num_interop_threads(threads);
    });
}

int32_t tt_cpu_memory_stats(tt_cpu_memory* memory, int32_t restart) {
    return tt::status([&] {
        const tt::MemoryInUse now = tt::memory_in_use(restart != 0);
        *memory = {(int64_t)now.used, (int64_t)now.kept, (int64_t)now.peak};
    });
}

// Settings of the CUDA libraries that libtorch keeps on the CPU side too.
int32_t tt_set_tf32(int32_t enabled) {
    return tt::status([&] {
        at::globalContext().setAllowTF32CuBLAS(enabled != 0);
        at::globalContext().setAllowTF32CuDNN(enabled != 0);
    });
}

int32_t tt_set_reduced_precision_reduction(int32_t bf16, int32_t fp16) {
    return tt::status([&] {
        if (bf16 >= 0) at::globalContext().setAllowBF16ReductionCuBLAS(bf16 != 0);
        if (fp16 >= 0) at::globalContext().setAllowFP16ReductionCuBLAS(fp16 != 0);
    });
}

}  // extern "C"
