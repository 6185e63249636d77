// Work shared out among libtorch's threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>

namespace tt {

// f(task, worker) for each task, whoever is free takes the next. A task's result must not depend on who does it.
template <class F> void for_each_task(int64_t tasks, const F& f) {
    std::atomic<int64_t> next{0};
    int64_t workers = std::min<int64_t>(tasks, at::in_parallel_region() ? 1 : at::get_num_threads());
    at::parallel_for(0, workers, 1, [&](int64_t first, int64_t last) {
        for (int64_t worker = first; worker < last; worker++)
            for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) f(i, worker);
    });
}

// f(first, last) over [0, n) in pieces of at least `grain`.
template <class F> void for_ranges(int64_t n, int64_t grain, const F& f) { at::parallel_for(0, n, grain, f); }

// f(first, last) over [0, n), each of which reads so many bytes. Each thread has a stretch of its own, since memory is read fastest where
// nothing breaks off, and goes through it in pieces: who is done helps the others, since processors do not share memory evenly and have
// other things to do.
template <class F> void for_pieces(int64_t n, int64_t bytes, const F& f) {
    constexpr int64_t Most = 4;   // pieces of a stretch
    struct alignas(64) Stretch { std::atomic<int64_t> next{0}; };
    const int64_t least = std::max<int64_t>(1, (64 << 10) / std::max<int64_t>(1, bytes));
    const int64_t threads = std::min<int64_t>(at::in_parallel_region() ? 1 : at::get_num_threads(), n / least);
    if (threads <= 1) return f(0, n);
    const int64_t each = std::min(Most, n / least / threads), pieces = threads * each;
    std::vector<Stretch> stretches(threads);
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
        for (int64_t own = begin; own < end; own++)
            for (int64_t k = 0; k < threads; k++) {
                const int64_t stretch = (own + k) % threads;
                for (int64_t i; (i = stretches[stretch].next.fetch_add(1, std::memory_order_relaxed)) < each;) {
                    const int64_t piece = stretch * each + i;
                    f(n * piece / pieces, n * (piece + 1) / pieces);
                }
            }
    });
}

// f(first, last, part) over as many fixed parts as there are threads: sums per part join in one order.
inline int64_t parts_of(int64_t n, int64_t grain) {
    int64_t most = n / std::max<int64_t>(1, grain);
    return std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), most));
}
template <class F> void for_parts(int64_t n, int64_t parts, const F& f) {
    at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
        for (int64_t part = first; part < last; part++) f(n * part / parts, n * (part + 1) / parts, part);
    });
}

// Scratch of `floats` for each worker, each on cache lines of its own.
struct Scratch {
    int64_t size;
    at::Tensor memory;
    Scratch(int64_t floats, int64_t workers) : size((floats + 31) / 16 * 16), memory(at::detail::empty_cpu({workers * size}, at::kFloat)) {}
    float* of(int64_t worker) { return memory.data_ptr<float>() + worker * size; }
};

}  // namespace tt
