// What our allocator holds: blocks that join again, packed weights that pass, gradients that add in place, attention linear in length.
#include <algorithm>
#include <cstring>
#include <vector>

#include "check.h"

namespace {

constexpr int64_t MB = 1 << 20;

tt_cpu_memory memory(bool restart = false) {
    tt_cpu_memory now;
    expect("figures", tt_cpu_memory_stats(&now, restart) == TT_OK);
    return now;
}

// The most that `work` took beyond what was there.
template <class F> int64_t peak_of(const F& work) {
    int64_t before = memory(true).used;
    work();
    return memory().peak - before;
}

Tensor block(int64_t megabytes) { return at::empty({megabytes * MB}, at::kByte); }

// Random blocks come and go; none overlaps another, and what is counted is what lives.
void blocks_stay_apart() {
    int64_t before = memory().used, live = 0;
    std::vector<Tensor> all;
    for (int i = 0; i < 2000; i++) {
        if (all.size() < 40 && one_in(2)) {
            all.push_back(at::empty({roll(MB, 8 * MB)}, at::kByte));
            uint8_t* data = all.back().data_ptr<uint8_t>();
            for (const Tensor& other : all)
                if (!other.is_same(all.back()))
                    expect("blocks stay apart", other.data_ptr<uint8_t>() + other.numel() <= data ||
                                                    data + all.back().numel() <= other.data_ptr<uint8_t>());
            expect("a block is aligned", (uintptr_t)data % 64 == 0);
            data[0] = data[all.back().numel() - 1] = 1;
        } else if (!all.empty()) {
            std::swap(all[roll(0, (int64_t)all.size() - 1)], all.back());
            all.pop_back();
        }
    }
    for (const Tensor& x : all) live += x.numel();
    int64_t used = memory().used - before;
    expect(c10::str("used: ", used, " of ", live), used >= live && used <= live + (int64_t)all.size() * (16 << 10));
    all.clear();
    expect("all given back", memory().used == before);
}

// What many small ones left, a large one takes.
void neighbours_join() {
    std::vector<Tensor> many;
    for (int i = 0; i < 64; i++) many.push_back(block(4));
    int64_t all = memory().used + memory().kept;
    many.clear();
    Tensor one = block(200);
    std::memset(one.data_ptr(), 1, one.numel());
    expect("neighbours join", memory().used + memory().kept <= all);
}

void packed_weights_pass() {
    Tensor x = at::randn({64, 1024}), w = leaf(at::randn({1024, 1024}));   // 4 MB
    auto step = [&] {
        call("linear", x, w, IValue()).sum().backward();
        w.mutable_grad() = Tensor();
        at::NoGradGuard none;
        w.mul_(0.5);
    };
    step();
    int64_t before = memory().used;
    for (int i = 0; i < 3; i++) step();
    expect("a step leaves no packed copy", memory().used == before);
    at::NoGradGuard none;
    Tensor first = call("linear", x, w, IValue()), second = call("linear", x, w, IValue());
    const int64_t result = first.nbytes();   // blocks of their own, too
    expect("inference keeps it", memory().used == before + 4 * MB + 2 * result && first.equal(second));
    Tensor third = call("linear", x, w, IValue());
    expect("once", memory().used == before + 4 * MB + 3 * result && first.equal(third));
}

// A table that is the output projection too has one gradient of its size.
void tied_gradients_add_in_place() {
    Tensor table = leaf(at::randn({16387, 1000})), ids = at::randint(0, 16387, {300}, at::kLong);   // 62.5 MB
    Tensor hidden = call("embedding", table, ids, -1);
    Tensor loss = call("linear_cross_entropy", hidden, table, IValue(), ids, -100, 0.0, 0.0, 0.0);   // with the projection's gradient
    int64_t peak = peak_of([&] { loss.backward(); });
    expect(c10::str("the rows' gradient takes ", peak / MB, " MB beside the projection's"), peak < 8 * MB);
}

void attention_is_linear_in_length() {
    const int64_t T = 4096, H = 4, D = 64;
    Tensor q = leaf(at::randn({1, T, H, D})), k = leaf(at::randn({1, T, H, D})), v = leaf(at::randn({1, T, H, D}));
    const IValue none;
    auto fused = [&] { return call("attention", q, k, v, none, none, true, 0, none, 0.0, none, none, none, none, none, 0.0); };
    auto plain = [&] {
        auto heads = [](const Tensor& x) { return x.transpose(1, 2); };
        Tensor scores = at::matmul(heads(q), heads(k).transpose(2, 3)) / 8.0;
        scores = scores.masked_fill(at::ones({T, T}, at::kBool).triu(1), -INFINITY);
        return at::matmul(at::softmax(scores, -1), heads(v)).transpose(1, 2);
    };
    auto without = [](const auto& f) { return peak_of([&] { at::NoGradGuard none; f(); }); };
    auto with = [](const auto& f) { return peak_of([&] { f().sum().backward(); }); };
    int64_t forward = without(fused), both = with(fused), forward_plain = without(plain), both_plain = with(plain);
    expect(c10::str("attention, forward: ", forward / MB, " MB where plain mathematics takes ", forward_plain / MB),
           forward * 10 < forward_plain);
    expect(c10::str("attention with gradients: ", both / MB, " MB where plain mathematics takes ", both_plain / MB),
           both * 10 < both_plain);
    std::printf("attention of 4 heads on 4096: %ld MB of %ld forward, %ld of %ld with gradients\n", (long)(forward / MB),
                (long)(forward_plain / MB), (long)(both / MB), (long)(both_plain / MB));
}

}  // namespace

int main() {
    if (!tt_build_info()) return 1;
    { Tensor first = block(1); }
    if (memory().peak == 0) { std::puts("libtorch's own allocator stands: nothing to test"); return 0; }
    torch::manual_seed(7);
    at::set_num_threads(2);
    blocks_stay_apart();
    neighbours_join();
    packed_weights_pass();
    tied_gradients_add_in_place();
    attention_is_linear_in_length();
    return failures ? 1 : 0;
}
