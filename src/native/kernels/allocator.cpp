// libtorch's memory on the CPU. Left to the C library, tensors are fetched from the system, page fault by page fault, and given back when
// they die: a training step spends a tenth of its time so, and a small model's decoding step, whose scores over a vocabulary are 200 KB, a
// fifth. Here blocks of 16 KB and more are kept for the next step, on huge pages. They are cut from long segments of address space and
// neighbours join again when they are free: what activations leave in the backward pass, gradients take.
#include "allocator.h"

#if defined(__linux__)
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

namespace tt {
namespace {

constexpr size_t Page = size_t(2) << 20, Step = size_t(1) << 14, Segment = size_t(1) << 30;

size_t whole(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// The machine's memory, or what a container or TT_MEMORY_LIMIT (bytes, or 500M, 8G) grants of it. Past that the system would end the
// process without a word; so it is an error, after which fewer rows can be tried.
size_t memory_limit() {
    if (const char* given = std::getenv("TT_MEMORY_LIMIT")) {
        char* unit = nullptr;
        const double number = std::strtod(given, &unit);
        const double times = *unit == 'G' ? 1e9 : *unit == 'M' ? 1e6 : 1;
        if (number > 0) return size_t(number * times);
    }
    struct sysinfo machine {};
    sysinfo(&machine);
    size_t limit = (machine.totalram + machine.totalswap) * size_t(machine.mem_unit);
    std::ifstream own("/proc/self/cgroup");   // lines of id:controllers:path, version 2 without controllers
    for (std::string line; std::getline(own, line);) {
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (!controllers.empty() && controllers != "memory") continue;
        const std::string root = controllers.empty() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
        const std::string name = controllers.empty() ? "/memory.max" : "/memory.limit_in_bytes";
        for (std::string group = line.substr(second + 1);; group.erase(group.find_last_of('/'))) {
            std::ifstream file(root + group + name);
            if (size_t most = 0; file >> most) limit = std::min(limit, most);   // "max" is no number
            if (group.find('/') == std::string::npos) break;
        }
    }
    return limit;
}

class Blocks {
public:
    void* take(size_t bytes) {
        size_t size = whole(bytes, Step);
        std::lock_guard<std::mutex> lock(_mutex);
        TORCH_CHECK_WITH(OutOfMemoryError, _used + size <= _granted, "out of memory: ", bytes, " bytes could not be allocated, ", _used,
                         " of ", _granted, " are in use");
        if (_used + size + _kept > _granted) release(_granted - _used - size);
        auto fits = _free.lower_bound({size, nullptr});
        auto block = fits == _free.end() ? extend(size) : _ranges.find(fits->second);
        if (block == _ranges.end()) {
            release(0);
            TORCH_CHECK_WITH(OutOfMemoryError, (block = extend(size)) != _ranges.end(), "out of memory: ", bytes,
                             " bytes could not be allocated");
        }
        Range& range = block->second;
        _free.erase({range.size, block->first});
        _kept -= range.resident;
        if (range.size > size) {   // the rest stays free; which part of it is resident nobody knows, so as much as can be counts
            Range rest{range.size - size, std::min(range.resident, range.size - size), range.segment, true};
            _ranges.emplace_hint(std::next(block), block->first + size, rest);
            _free.emplace(rest.size, block->first + size);
            _kept += rest.resident;
        }
        range = {size, size, range.segment, false};
        _used += size;
        _peak = std::max(_peak, _used);
        _most = std::max(_most, _used);
        return block->first;
    }

    // False where the block is not one of these.
    bool give(void* memory) {
        std::lock_guard<std::mutex> lock(_mutex);
        auto block = _ranges.find(static_cast<char*>(memory));
        if (block == _ranges.end()) return false;
        _used -= block->second.size;
        _kept += block->second.size;
        block->second.free = true;
        auto next = std::next(block);
        if (next != _ranges.end() && joins(block->second, next->second)) join(block, next);
        if (block != _ranges.begin()) {
            auto before = std::prev(block);
            if (joins(before->second, block->second)) { join(before, block); block = before; }
        }
        _free.emplace(block->second.size, block->first);
        // What is in use and what is kept are together no more than was once in use, and a little.
        if (_used + _kept > _most + _most / 16 + (size_t(64) << 20)) release(_kept / 2);
        return true;
    }

    MemoryInUse in_use(bool restart) {
        std::lock_guard<std::mutex> lock(_mutex);
        MemoryInUse now{_used, _kept, _peak};
        if (restart) _peak = _used;
        return now;
    }

private:
    struct Range {
        size_t size, resident;   // resident: of a free one, what the system has not been given back
        int segment;             // neighbours in memory may be of two: these stay apart
        bool free;
    };
    using Ranges = std::map<char*, Range>;

    static bool joins(const Range& a, const Range& b) { return a.free && b.free && a.segment == b.segment; }

    // Neither stays among the free ones by size.
    void join(Ranges::iterator a, Ranges::iterator b) {
        for (auto one : {a, b}) _free.erase({one->second.size, one->first});
        a->second.size += b->second.size;
        a->second.resident += b->second.resident;
        _ranges.erase(b);
    }

    // A free range of at least so much at the end of what was ever used: of the last segment, or of a new one.
    Ranges::iterator extend(size_t size) {
        Ranges::iterator last = _ranges.end();
        if (_end != nullptr && !_ranges.empty()) {   // what is free there counts
            auto before = std::prev(_ranges.lower_bound(_end));
            if (before->second.free && before->first + before->second.size == _end) last = before;
        }
        size_t there = last == _ranges.end() ? 0 : last->second.size;
        if (_end == nullptr || size_t(_limit - _end) + there < size) {
            if (!reserve(size)) return _ranges.end();
            last = _ranges.end();
            there = 0;
        }
        if (last == _ranges.end()) last = _ranges.emplace(_end, Range{0, 0, _segments, true}).first;
        else _free.erase({there, last->first});
        last->second.size = std::max(there, size);
        _end = last->first + last->second.size;
        _free.emplace(last->second.size, last->first);
        return last;
    }

    // Address space for blocks to come; memory is taken where it is touched.
    bool reserve(size_t size) {
        // At first as much as the machine has: one segment, in which all neighbours can join.
        size_t most = _segments == 0 ? (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) : Segment;
        for (size_t length : {most, Segment, size}) {
            length = whole(std::max(size, length), Page) + Page;
            void* start = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (start == MAP_FAILED) continue;
            madvise(start, length, MADV_HUGEPAGE);
            _end = reinterpret_cast<char*>(whole(reinterpret_cast<size_t>(start), Page));
            _limit = static_cast<char*>(start) + length;
            _segments++;
            return true;
        }
        return false;
    }

    // Gives whole pages of free ranges back, the largest first; the address space stays.
    void release(size_t keep) {
        for (auto i = _free.rbegin(); i != _free.rend() && _kept > keep; ++i) {
            Range& range = _ranges.find(i->second)->second;
            char* first = reinterpret_cast<char*>(whole(reinterpret_cast<size_t>(i->second), Page));
            char* last = reinterpret_cast<char*>((reinterpret_cast<size_t>(i->second) + range.size) / Page * Page);
            if (last <= first || range.resident == 0 || madvise(first, last - first, MADV_DONTNEED) != 0) continue;
            size_t left = std::min(range.resident, range.size - size_t(last - first));
            _kept -= range.resident - left;
            range.resident = left;
        }
    }

    const size_t _granted = memory_limit();
    std::mutex _mutex;
    Ranges _ranges;                            // by address, used and free
    std::set<std::pair<size_t, char*>> _free;  // by size: the smallest that fits is taken, of equal ones the lowest
    char *_end = nullptr, *_limit = nullptr;   // of what was ever used in the last segment, and of the segment
    int _segments = 0;
    size_t _used = 0, _kept = 0, _peak = 0, _most = 0;
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
        if (bytes < Step) return c10::GetDefaultCPUAllocator()->allocate(bytes);
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

MemoryInUse memory_in_use(bool restart) { return installed ? blocks().in_use(restart) : MemoryInUse(); }

}  // namespace tt
#else
namespace tt {
MemoryInUse memory_in_use(bool) { return {}; }
}  // namespace tt
#endif
