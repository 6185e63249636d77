// How cuda_emulation.h runs the threads of a block: each is a fiber, with a stack of its own, that runs until it waits for others.
#pragma once
#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

struct uint3 { unsigned x, y, z; };
struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace tt::emulation {

constexpr size_t StackSize = 256 << 10, LeastShared = 99 << 10;   // what compute capability 8.6 can give a block

struct Copy { void* to; const void* from; bool there; };
struct Barrier { unsigned arrived = 0, passed = 0; };
struct Fiber {
    void* stack_pointer = nullptr;
    ucontext_t context;
    uint3 index;
    const Barrier* waits = nullptr;   // for its next passing
    unsigned since = 0;
    int line = 0;
    bool done = false;
    std::vector<std::vector<Copy>> copies;   // in groups, the last one open
};
struct Warp {
    Barrier barrier;
    unsigned turn = 0;
    struct { const char* call; alignas(16) unsigned char bytes[32]; } slots[2][32];   // two turns: who is early does not overwrite
};

inline uint3 thread_index, block_index;
inline dim3 block_size, grid_size;
inline std::vector<Fiber> fibers;
inline std::vector<Warp> warps;
inline Barrier all;
inline int votes[2];
inline Fiber* current;
inline Fiber scheduler;
inline unsigned char* shared_memory;
inline unsigned launches;
inline const std::function<void()>* body;

[[noreturn]] inline void fail(const char* what, int line = 0) {
    std::printf("emulation: %s (block %u %u %u, thread %u, line %d)\n", what, block_index.x, block_index.y, block_index.z,
                thread_index.x, line);
    std::fflush(stdout);
    std::abort();
}

#if defined(__x86_64__)   // a switch without system calls, which ucontext makes two of
extern "C" void tt_switch_fiber(void** from, void* to);
asm(R"(
.pushsection .text
.weak tt_switch_fiber
.type tt_switch_fiber, @function
tt_switch_fiber:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size tt_switch_fiber, . - tt_switch_fiber
.popsection
)");
inline void switch_fiber(Fiber& from, Fiber& to) { tt_switch_fiber(&from.stack_pointer, to.stack_pointer); }
inline void prepare(Fiber& fiber, unsigned char* stack, void (*entry)()) {
    auto* top = reinterpret_cast<void**>(stack + StackSize) - 1;   // as after a call: 8 off a multiple of 16
    *--top = reinterpret_cast<void*>(entry);
    fiber.stack_pointer = top - 6;
    std::memset(fiber.stack_pointer, 0, 6 * sizeof(void*));
}
#else
inline void switch_fiber(Fiber& from, Fiber& to) { swapcontext(&from.context, &to.context); }
inline void prepare(Fiber& fiber, unsigned char* stack, void (*entry)()) {
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = stack;
    fiber.context.uc_stack.ss_size = StackSize;
    makecontext(&fiber.context, entry, 0);
}
#endif

inline void run_fiber() {
    (*body)();
    current->done = true;
    switch_fiber(*current, scheduler);
}

inline void pass(Barrier& barrier, unsigned members, int line) {
    if (++barrier.arrived == members) {
        barrier.arrived = 0;
        barrier.passed++;
        return;
    }
    current->waits = &barrier;
    current->since = barrier.passed;
    current->line = line;
    switch_fiber(*current, scheduler);
}
inline Warp& own_warp() { return warps[thread_index.x / 32]; }

// Hands every lane's value to all: answers with a reader by lane.
template <class T> struct Exchanged {
    const Warp* warp;
    unsigned turn;
    T operator[](int lane) const {
        T value;
        std::memcpy(&value, warp->slots[turn][lane].bytes, sizeof value);
        return value;
    }
};
template <class T> Exchanged<T> exchange(const char* call, const T& value, int line) {
    static_assert(sizeof(T) <= 32);
    Warp& warp = own_warp();
    const unsigned turn = warp.turn % 2, lane = thread_index.x % 32;
    warp.slots[turn][lane].call = call;
    std::memcpy(warp.slots[turn][lane].bytes, &value, sizeof value);
    if (warp.barrier.arrived == 31) warp.turn++;
    pass(warp.barrier, 32, line);
    if (std::strcmp(warp.slots[turn][0].call, call)) fail("lanes of a warp are at different calls", line);
    return {&warp, turn};
}

inline void run_block(bool backwards, size_t shared) {
    static std::vector<unsigned char*> stacks;
    const unsigned threads = block_size.x;
    while (stacks.size() < threads) {
        void* stack = mmap(nullptr, StackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED) fail("no memory for stacks");
        stacks.push_back(static_cast<unsigned char*>(stack));
    }
    constexpr unsigned Guard = 64;
    std::unique_ptr<unsigned char, void (*)(void*)> memory(
        static_cast<unsigned char*>(std::aligned_alloc(64, (shared + Guard + 63) / 64 * 64)), std::free);
    shared_memory = memory.get();
    std::memset(shared_memory, 0xff, shared);
    std::memset(shared_memory + shared, 0xa5, Guard);
    fibers.assign(threads, {});
    warps.assign(threads / 32, {});
    all = {};
    for (unsigned i = 0; i < threads; i++) {
        fibers[i].index = {i, 0, 0};
        prepare(fibers[i], stacks[i], run_fiber);
    }
    for (unsigned left = threads; left > 0;) {
        bool moved = false;
        for (unsigned n = 0; n < threads; n++) {
            Fiber& fiber = fibers[backwards ? threads - 1 - n : n];
            if (fiber.done || (fiber.waits && fiber.waits->passed == fiber.since)) continue;
            fiber.waits = nullptr;
            current = &fiber;
            thread_index = fiber.index;
            switch_fiber(scheduler, fiber);
            moved = true;
            left -= fiber.done;
        }
        if (moved) continue;
        for (Fiber& fiber : fibers)
            if (!fiber.done) thread_index = fiber.index, fail("threads wait for others that never come", fiber.line);
    }
    for (unsigned i = 0; i < Guard; i++)
        if (shared_memory[shared + i] != 0xa5) fail("shared memory was written past its end");
}

}  // namespace tt::emulation
