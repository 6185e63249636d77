// The CPU's attention kernels on the cases of attention_cases.h, once for each instruction set.
//   attention_test [CASES]      TT_ISA chooses one instruction set
#include "attention_cases.h"

namespace {

// One head and many threads share its queries; many threads and one agree, and each repeats itself bit for bit.
void threads_agree() {
    Case c;
    c.causal = true;
    c.dropout = 0.2;
    c.distance_bias = leaf(at::randn({4, 799}));
    for (auto type : {at::kFloat, at::kBFloat16}) {
        Tensor q = leaf(at::randn({1, 400, 4, 64}).to(type)), k = leaf(at::randn({1, 400, 1, 64}).to(type)),
            v = leaf(at::randn({1, 400, 1, 64}).to(type)), dout = at::randn({1, 400, 4, 64}).to(type);
        auto run = [&](int threads) {
            at::set_num_threads(threads);
            torch::manual_seed(3);
            Tensor out = c(q, k, v);
            auto all = torch::autograd::grad({out}, {q, k, v, c.distance_bias}, {dout});
            all.push_back(out);
            return all;
        };
        auto alone = run(1);
        for (int threads : {2, 3, 5}) {
            auto first = run(threads), second = run(threads);
            for (size_t i = 0; i < first.size(); i++) {
                expect("the same threads give the same bits", first[i].equal(second[i]));
                expect_close("threads", first[i].detach(), alone[i].detach().to(at::kDouble), type == at::kFloat ? 1e-5 : 1e-2);
            }
        }
    }
    at::set_num_threads(2);
}

Tensor attend_pages(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& pages, const Tensor& lengths, int64_t page,
                    const Tensor& bias, int64_t window, double scale, double cap) {
    const bool packed = one_in(2);   // a row of several sequences' tokens
    Tensor out = call("paged_attention", packed ? q.unsqueeze(0) : q, k, v, pages, lengths, page, given(bias), window, scale, cap);
    return packed ? out.squeeze(0) : out;
}

void sequences_without_keys_give_zeros_and_none_give_nothing() {
    Tensor held = at::full({8, 2, 16}, NAN), pages = at::zeros({2, 1}, at::kLong), lengths = at::zeros({2}, at::kLong);
    auto run = [&](int64_t N) {
        return attend_pages(at::randn({N, 4, 16}), held, held, pages.narrow(0, 0, N), lengths.narrow(0, 0, N), 4, {}, 0, 0.25, 0);
    };
    expect("no key", run(2).eq(0).all().item<bool>());
    expect("no sequence", run(0).numel() == 0);
}

int cases = 40;

int run() {
    torch::manual_seed(7);
    rows_without_keys_give_zeros();
    dropout_drops_its_share();
    threads_agree();
    sequences_without_keys_give_zeros_and_none_give_nothing();
    for (int i = 0; i < cases; i++) one_case();
    for (int i = 0; i < cases; i++) one_paged_case({}, attend_pages);
    return failures ? 1 : 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1) cases = std::atoi(arguments[1]);
    return once_for_each_isa(arguments, run);
}
