// libtorch's memory on the CPU. Left to the C library, every large tensor is fetched from the system, page fault by page fault, and given
// back when it dies: a training step spends a tenth of its time so. Here large blocks are kept for the next step, on huge pages.
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>

#if defined(__linux__)
#include <sys/mman.h>

namespace tt {
namespace {

constexpr size_t Large = size_t(1) << 20, Page = size_t(2) << 20;

class Blocks {
public:
    void* take(size_t bytes) {
        size_t size = (bytes + Page / 8 - 1) / (Page / 8) * (Page / 8);
        std::lock_guard<std::mutex> lock(_mutex);
        auto found = _free.lower_bound(size);
        void* block;
        if (found != _free.end() && found->first <= size + size / 4) {
            size = found->first;
            block = found->second;
            _free.erase(found);
            _kept -= size;
        } else if (!(block = fetch(size))) {
            release(0);
            TORCH_CHECK_WITH(OutOfMemoryError, (block = fetch(size)), "out of memory: ", bytes, " bytes could not be allocated");
        }
        _sizes[block] = size;
        _used += size;
        _peak = std::max(_peak, _used);
        return block;
    }

    // False where the block is not one of these.
    bool give(void* block) {
        std::lock_guard<std::mutex> lock(_mutex);
        auto entry = _sizes.find(block);
        if (entry == _sizes.end()) return false;
        size_t size = entry->second;
        _sizes.erase(entry);
        _used -= size;
        _kept += size;
        _free.emplace(size, block);
        // What is in use and what is kept are together no more than was once in use, and a little.
        if (_used + _kept > _peak + _peak / 8 + (size_t(64) << 20)) release(_kept / 2);
        return true;
    }

private:
    static void* fetch(size_t size) {
        void* block = nullptr;
        if (posix_memalign(&block, size >= Page ? Page : 4096, size) != 0) return nullptr;
        if (size >= Page) madvise(block, size, MADV_HUGEPAGE);
        return block;
    }
    void release(size_t keep) {
        while (_kept > keep && !_free.empty()) {
            auto last = std::prev(_free.end());
            std::free(last->second);
            _kept -= last->first;
            _free.erase(last);
        }
    }

    std::mutex _mutex;
    std::multimap<size_t, void*> _free;
    std::unordered_map<void*, size_t> _sizes;
    size_t _used = 0, _kept = 0, _peak = 0;
};

Blocks& blocks() {
    static Blocks* one = new Blocks();   // tensors may die after static destructors have run
    return *one;
}

// Also what libtorch frees without saying where it came from.
void free_block(void* block) {
    if (block && !blocks().give(block)) c10::GetDefaultCPUAllocator()->raw_deleter()(block);
}

struct Allocator final : c10::Allocator {
    c10::DataPtr allocate(size_t bytes) override {
        if (bytes < Large) return c10::GetDefaultCPUAllocator()->allocate(bytes);
        void* block = blocks().take(bytes);
        return {block, block, &free_block, c10::Device(c10::DeviceType::CPU)};
    }
    c10::DeleterFnPtr raw_deleter() const override { return &free_block; }
    void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
};

// TT_ALLOCATOR=system leaves libtorch's own in place.
const bool installed = [] {
    const char* choice = std::getenv("TT_ALLOCATOR");
    if (choice && std::string(choice) == "system") return false;
    static Allocator one;
    c10::SetCPUAllocator(&one, 1);
    return true;
}();

}  // namespace
}  // namespace tt
#endif
