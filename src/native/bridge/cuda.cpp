// CUDA's part of the ABI, and what stands in its place where the bridge was built without CUDA.
#include "guard.h"

#ifdef TT_HAVE_CUDA

#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstring>
#include <mutex>

namespace {

using at::cuda::CUDAEvent;
using at::cuda::CUDAGraph;
using c10::cuda::CUDAStream;
namespace allocator = c10::cuda::CUDACachingAllocator;

template <class T>
T& handle(void* pointer, const char* what) {
    TORCH_CHECK(pointer != nullptr, "the handle of a CUDA ", what, " is null");
    return *static_cast<T*>(pointer);
}
CUDAStream& stream(tt_stream pointer) { return handle<CUDAStream>(pointer, "stream"); }
CUDAEvent& event(tt_event pointer) { return handle<CUDAEvent>(pointer, "event"); }

// A graph with a memory pool of its own, so that a capture that fails can be taken back.
struct Recording {
    CUDAGraph graph;
    at::cuda::MempoolId_t pool = at::cuda::graph_pool_handle();
    c10::DeviceIndex device = 0;
};
Recording& recording(tt_graph pointer) { return handle<Recording>(pointer, "graph"); }

template <class F> void attempt(const F& f) {
    try {
        f();
    } catch (const std::exception&) {
    }
}

// What capture_end of some libtorch leaves undone where the capture was broken: the allocator goes on giving from the graph's pool, and
// the generator takes every draw for part of a capture. Where it was done this changes nothing.
void take_back(const Recording& r) {
    attempt([&] { allocator::endAllocateToPool(r.device, r.pool); });
    attempt([&] {
        at::Generator generator = at::cuda::detail::getDefaultCUDAGenerator(r.device);
        std::lock_guard<std::mutex> lock(generator.mutex());
        generator.graphsafe_set_state(generator.clone());
    });
}

// Checks the index, and has libtorch set up CUDA and its allocator, which the calls below take for granted.
c10::DeviceIndex ready(int32_t device) {
    const auto count = static_cast<int32_t>(c10::cuda::device_count());
    TORCH_CHECK(device >= 0 && device < count, "there is no CUDA device ", device, "; devices found: ", count);
    static const bool initialised = (at::empty({0}, at::TensorOptions().device(at::kCUDA)), true);
    (void)initialised;
    return static_cast<c10::DeviceIndex>(device);
}

int32_t attribute(cudaDeviceAttr which, int32_t device) {
    int result = 0;
    C10_CUDA_CHECK(cudaDeviceGetAttribute(&result, which, device));
    return result;
}

}  // namespace

extern "C" {

int32_t tt_cuda_built(void) { return 1; }
int32_t tt_cuda_device_count(void) { return c10::cuda::device_count(); }

int32_t tt_cuda_device_properties(int32_t device, tt_cuda_properties* properties) {
    return tt::status([&] {
        const auto* found = at::cuda::getDeviceProperties(ready(device));
        std::memset(properties, 0, sizeof *properties);
        std::strncpy(properties->name, found->name, sizeof properties->name - 1);
        properties->total_memory = static_cast<int64_t>(found->totalGlobalMem);
        properties->major = found->major;
        properties->minor = found->minor;
        properties->multiprocessors = found->multiProcessorCount;
        // Attributes, not fields: CUDA 13 took the clocks out of cudaDeviceProp.
        properties->clock_khz = attribute(cudaDevAttrClockRate, device);
        properties->memory_clock_khz = attribute(cudaDevAttrMemoryClockRate, device);
        properties->memory_bus_bits = attribute(cudaDevAttrGlobalMemoryBusWidth, device);
        properties->l2_bytes = attribute(cudaDevAttrL2CacheSize, device);
    });
}

int32_t tt_cuda_current_device(void) {
    return tt::number([] { return c10::cuda::current_device(); });
}

int32_t tt_cuda_set_device(int32_t device) {
    return tt::status([&] { c10::cuda::set_device(ready(device)); });
}

int32_t tt_cuda_synchronize(int32_t device) {   // negative: the current one
    return tt::status([&] {
        const c10::cuda::CUDAGuard guard(ready(device < 0 ? c10::cuda::current_device() : device));
        c10::cuda::device_synchronize();
    });
}

int32_t tt_cuda_memory_stats(int32_t device, tt_cuda_memory* memory) {
    return tt::status([&] {
        const c10::cuda::CUDAGuard guard(ready(device));
        const auto stats = allocator::getDeviceStats(guard.current_device().index());
        // [0] is the total over all pools; the enum that names it has changed its namespace between libtorch's versions.
        memory->allocated = stats.allocated_bytes[0].current;
        memory->reserved = stats.reserved_bytes[0].current;
        memory->peak_allocated = stats.allocated_bytes[0].peak;
        memory->peak_reserved = stats.reserved_bytes[0].peak;
        size_t free = 0, total = 0;
        C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
        memory->free = static_cast<int64_t>(free);
        memory->total = static_cast<int64_t>(total);
    });
}

int32_t tt_cuda_reset_peak_memory(int32_t device) {
    return tt::status([&] { allocator::resetPeakStats(ready(device)); });
}

int32_t tt_cuda_empty_cache(void) {
    return tt::status([] {
        if (c10::cuda::device_count() == 0) return;
        ready(0);
        allocator::emptyCache();
    });
}

tt_stream tt_cuda_stream_new(int32_t device, int32_t high_priority) {
    return tt::value<tt_stream>(nullptr, [&] {
        const auto index = ready(device);
        return new CUDAStream(c10::cuda::getStreamFromPool(high_priority != 0, index));
    });
}

tt_stream tt_cuda_stream_current(int32_t device) {
    return tt::value<tt_stream>(nullptr, [&] { return new CUDAStream(c10::cuda::getCurrentCUDAStream(ready(device))); });
}

int32_t tt_cuda_stream_set(tt_stream handle) {
    return tt::status([&] { c10::cuda::setCurrentCUDAStream(stream(handle)); });
}

int32_t tt_cuda_stream_synchronize(tt_stream handle) {
    return tt::status([&] { stream(handle).synchronize(); });
}

int32_t tt_cuda_stream_wait(tt_stream handle, tt_event awaited) {
    return tt::status([&] { event(awaited).block(stream(handle)); });
}

void tt_cuda_stream_free(tt_stream handle) { delete static_cast<CUDAStream*>(handle); }

tt_event tt_cuda_event_new(int32_t timing) {
    return tt::value<tt_event>(nullptr, [&] { return new CUDAEvent(timing != 0 ? cudaEventDefault : cudaEventDisableTiming); });
}

int32_t tt_cuda_event_record(tt_event handle, tt_stream on) {
    return tt::status([&] { event(handle).record(stream(on)); });
}

int32_t tt_cuda_event_query(tt_event handle) {
    return tt::number([&] { return event(handle).query(); });
}

int32_t tt_cuda_event_synchronize(tt_event handle) {
    return tt::status([&] { event(handle).synchronize(); });
}

int32_t tt_cuda_event_elapsed(tt_event start, tt_event end, float* milliseconds) {
    return tt::status([&] { *milliseconds = event(start).elapsed_time(event(end)); });
}

void tt_cuda_event_free(tt_event handle) { delete static_cast<CUDAEvent*>(handle); }

tt_graph tt_cuda_graph_new(void) {
    return tt::value<tt_graph>(nullptr, [] {
        ready(0);
        return new Recording();
    });
}

int32_t tt_cuda_graph_capture_begin(tt_graph handle) {
    // What other threads do meanwhile (free pinned memory, say) is no part of it and does not spoil it.
    return tt::status([&] {
        Recording& r = recording(handle);
        r.device = c10::cuda::current_device();
        try {
            r.graph.capture_begin(r.pool, cudaStreamCaptureModeThreadLocal);
        } catch (...) {
            take_back(r);
            throw;
        }
    });
}

int32_t tt_cuda_graph_capture_end(tt_graph handle) {
    return tt::status([&] {
        Recording& r = recording(handle);
        try {
            r.graph.capture_end();
        } catch (...) {
            take_back(r);
            throw;
        }
    });
}

int32_t tt_cuda_graph_replay(tt_graph handle) {
    return tt::status([&] { recording(handle).graph.replay(); });
}

void tt_cuda_graph_free(tt_graph handle) { delete static_cast<Recording*>(handle); }

int32_t tt_cuda_watch_waits(int32_t level) {
    return tt::status([&] {
        TORCH_CHECK(level >= 0 && level <= 2, "waits for the device: 0 allows them, 1 warns, 2 forbids, not ", level);
        c10::cuda::warning_state().set_sync_debug_mode(static_cast<c10::cuda::SyncDebugMode>(level));
    });
}

}  // extern "C"

#else

namespace {

int32_t without_cuda() {
    return tt::status([] { TORCH_CHECK(false, "the native library was built without CUDA: set it up with --device cuda"); });
}
void* null_without_cuda() {
    without_cuda();
    return nullptr;
}

}  // namespace

extern "C" {

int32_t tt_cuda_built(void) { return 0; }
int32_t tt_cuda_device_count(void) { return 0; }
int32_t tt_cuda_device_properties(int32_t, tt_cuda_properties*) { return without_cuda(); }
int32_t tt_cuda_current_device(void) { return without_cuda(); }
int32_t tt_cuda_set_device(int32_t) { return without_cuda(); }
int32_t tt_cuda_synchronize(int32_t) { return without_cuda(); }
int32_t tt_cuda_memory_stats(int32_t, tt_cuda_memory*) { return without_cuda(); }
int32_t tt_cuda_reset_peak_memory(int32_t) { return without_cuda(); }
int32_t tt_cuda_empty_cache(void) { return without_cuda(); }
tt_stream tt_cuda_stream_new(int32_t, int32_t) { return null_without_cuda(); }
tt_stream tt_cuda_stream_current(int32_t) { return null_without_cuda(); }
int32_t tt_cuda_stream_set(tt_stream) { return without_cuda(); }
int32_t tt_cuda_stream_synchronize(tt_stream) { return without_cuda(); }
int32_t tt_cuda_stream_wait(tt_stream, tt_event) { return without_cuda(); }
void tt_cuda_stream_free(tt_stream) {}
tt_event tt_cuda_event_new(int32_t) { return null_without_cuda(); }
int32_t tt_cuda_event_record(tt_event, tt_stream) { return without_cuda(); }
int32_t tt_cuda_event_query(tt_event) { return without_cuda(); }
int32_t tt_cuda_event_synchronize(tt_event) { return without_cuda(); }
int32_t tt_cuda_event_elapsed(tt_event, tt_event, float*) { return without_cuda(); }
void tt_cuda_event_free(tt_event) {}
tt_graph tt_cuda_graph_new(void) { return null_without_cuda(); }
int32_t tt_cuda_graph_capture_begin(tt_graph) { return without_cuda(); }
int32_t tt_cuda_graph_capture_end(tt_graph) { return without_cuda(); }
int32_t tt_cuda_graph_replay(tt_graph) { return without_cuda(); }
void tt_cuda_graph_free(tt_graph) {}
int32_t tt_cuda_watch_waits(int32_t) { return without_cuda(); }

}  // extern "C"

#endif
