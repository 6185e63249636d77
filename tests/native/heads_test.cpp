// What stands between the projection and attention: heads turned in place, taken apart without a copy, their gradients put together
// without one; and rows of an embedding. Against double-precision mathematics, once for each instruction set.
#include "check.h"

namespace {

// (B, T, N, D), of which the first `heads` turn.
Tensor turned(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved, int64_t heads) {
    int64_t half = cos.size(-1), D = x.size(3);
    auto angle = [](const Tensor& a) { return (a.dim() == 3 ? a : a.unsqueeze(0)).unsqueeze(2).to(at::kDouble); };
    std::vector<Tensor> features(D);
    for (int64_t i = 0; i < D; i++) features[i] = x.narrow(2, 0, heads).select(3, i);
    for (int64_t i = 0; i < half; i++) {
        int64_t a = interleaved ? 2 * i : i, b = interleaved ? 2 * i + 1 : i + half;
        Tensor c = angle(cos).select(3, i), s = angle(sin).select(3, i), u = features[a], v = features[b];
        features[a] = u * c - v * s;
        features[b] = v * c + u * s;
    }
    return at::cat({at::stack(features, 3), x.narrow(2, heads, x.size(2) - heads)}, 2);
}

void rotations() {
    auto type = one_in(3) ? at::kBFloat16 : at::kFloat;
    int64_t B = roll(1, 3), T = roll(1, 40), N = roll(1, 6), D = 2 * roll(1, 50), half = roll(1, D / 2), heads = roll(1, N);
    bool interleaved = one_in(2), each = one_in(2), reuse = one_in(2), strided = one_in(3);
    Tensor angles = (each ? at::rand({B, T, half}) : at::rand({T, half})) * 6, cos = at::cos(angles), sin = at::sin(angles);
    Tensor x = at::randn({B, T, N, D + (strided ? 5 : 0)}).to(type), input = leaf(x), other = twin(x);
    auto what = c10::str("rotary ", B, " x ", T, " x ", N, " x ", D, ", ", 2 * half, " of ", heads, reuse ? " in place" : "");
    Tensor given = (input * 1).narrow(3, 0, D);   // what does not lie densely is copied
    Tensor ours = call("rotary", given, cos, sin, interleaved, heads, reuse);
    expect(what + ": the memory", (ours.data_ptr() == given.data_ptr()) == (reuse && !strided));
    compare(what, ours, {input}, turned(other.narrow(3, 0, D), cos, sin, interleaved, heads), {other}, type == at::kFloat ? 1e-6 : 1e-2);
    if (!strided)
        expect(what + ": a leaf that learns stays",
               call("rotary", input, cos, sin, interleaved, heads, true).data_ptr() != input.data_ptr());
    at::NoGradGuard none;
    Tensor kept = x.narrow(3, 0, D).contiguous().clone(), again = call("rotary", kept, cos, sin, interleaved, heads, true);
    expect(what + ": as without gradients", again.equal(ours) && kept.equal(ours));
}

// Projection, rotation, attention: one memory in forward, one in backward.
void whole_path() {
    auto type = one_in(3) ? at::kBFloat16 : at::kFloat;
    int64_t B = roll(1, 3), T = roll(5, 90), K = roll(1, 2), H = K * roll(1, 3), D = 8 * roll(1, 8);
    Tensor angles = at::rand({T, D / 2}) * 6, cos = at::cos(angles), sin = at::sin(angles);
    Tensor x = at::randn({B, T, H + 2 * K, D}).to(type), input = leaf(x), other = twin(x);
    Tensor projected = input * 1, heads = call("rotary", projected, cos, sin, false, H + K, true);
    auto parts = call_all("split_heads", heads, H, K, 0);
    Tensor q = parts[0].toTensor(), k = parts[1].toTensor(), v = parts[2].toTensor();
    expect("split_heads: no copy", q.data_ptr() == projected.data_ptr() && v.storage().is_alias_of(projected.storage()));
    std::vector<void*> places;
    for (const Tensor& t : {q, heads, projected})
        t.register_hook([&places](const Tensor& gradient) { places.push_back(gradient.data_ptr()); });
    const IValue none;
    Tensor ours = call("attention", q, k, v, none, none, true, 0, none, 0.0, none, none, none, none, none, 0.0);

    Tensor all = turned(other, cos, sin, false, H + K);
    auto many = [&](const Tensor& t) { return t.repeat_interleave(H / K, 2).transpose(1, 2); };
    Tensor scores = at::matmul(all.narrow(2, 0, H).transpose(1, 2), many(all.narrow(2, H, K)).transpose(2, 3)) / std::sqrt((double)D);
    scores = scores + at::full({T, T}, -INFINITY, at::kDouble).triu(1);
    Tensor truth = at::matmul(at::softmax(scores, -1), many(all.narrow(2, H + K, K))).transpose(1, 2);
    compare(c10::str("heads ", H, " on ", K, " of ", D), ours, {input}, truth, {other}, type == at::kFloat ? 1e-5 : 2e-2);
    expect("gradients: no copy", places.size() == 6 && places[1] == places[0] && places[2] == places[0] && places[4] == places[3] &&
                                     places[5] == places[3]);
}

// Gradients that do not lie side by side, and parts that get none.
void splits() {
    int64_t N = roll(2, 6), first = roll(1, N - 1), second = roll(0, N - first);
    Tensor x = at::randn({2, 3, N, 4}), input = leaf(x), other = twin(x);
    auto sum = [](const Tensor& a, const Tensor& b) { return (a * a).sum() + (b.exp()).sum(); };
    auto parts = call_all("split_heads", one_in(2) ? input : input.view({2, 3, N * 4}), first, second, 4);
    Tensor ours = sum(parts[0].toTensor(), parts[1].toTensor());
    compare("split_heads", ours, {input}, sum(other.narrow(2, 0, first), other.narrow(2, first, second)), {other}, 1e-6);
}

// New positions in rooms of either order, few (a step's) and many (a prompt's), beside what stands there already.
void appended() {
    int64_t B = roll(1, 3), T = one_in(3) ? roll(100, 300) : roll(1, 4), K = roll(1, 3), D = roll(1, 70), end = roll(0, 20);
    int64_t start = roll(0, end), capacity = end + T + roll(0, 5);
    auto type = one_in(3) ? at::kBFloat16 : at::kFloat;
    Tensor heads = at::randn({B, T, 3 * K, D}).to(one_in(4) ? at::kFloat : type), k = heads.narrow(2, K, K), v = heads.narrow(2, 2 * K, K);
    auto room = [&] {
        return (one_in(2) ? at::randn({B, K, capacity, D}).transpose(1, 2) : at::randn({B, capacity, K, D})).to(type);
    };
    Tensor keys = room(), values = room();
    auto held = [&](const Tensor& before, const Tensor& more) {
        Tensor all = before.clone();
        all.narrow(1, end, T).copy_(more);
        return all;
    };
    Tensor all_keys = held(keys, k), all_values = held(values, v);
    auto parts = call_all("append_heads", k, v, keys, values, start, end);
    auto what = c10::str("append_heads: ", T, " after ", end);
    expect(what, keys.equal(all_keys) && values.equal(all_values));
    for (size_t i = 0; i < 2; i++) {
        Tensor part = parts[i].toTensor(), whole = i == 0 ? keys : values;
        expect(what + ": what is held", part.equal(whole.narrow(1, start, end + T - start)) && part.is_alias_of(whole));
    }
    auto refused = [](auto... arguments) {
        try { call_all(arguments...); } catch (const c10::Error&) { return true; }
        return false;
    };
    expect(what + ": past the end", refused("append_heads", k, v, keys, values, start, capacity - T + 1));

    // The same in slots that stand anywhere.
    Tensor slots = at::randperm(T + 5, at::kLong).narrow(0, 0, T);
    Tensor some = at::randn({T + 5, K, D}).to(k.scalar_type()), others = some.clone();
    Tensor truth = some.index_copy(0, slots, k[0]), other_truth = others.index_copy(0, slots, v[0]);
    call_all("place_heads", k.narrow(0, 0, 1), v.narrow(0, 0, 1), some, others, slots);
    expect(what + ", in slots", some.equal(truth) && others.equal(other_truth));
    expect(what + ": no such slot", refused("place_heads", k.narrow(0, 0, 1), v.narrow(0, 0, 1), some, others, slots + 6));
}

// A table that is read by rows and multiplied with as well, and one that is only read.
void embeddings() {
    int64_t V = roll(2, 300), C = roll(1, 40), padding = one_in(2) ? roll(0, V - 1) : -1;
    Tensor table = at::randn({V, C}), ids = at::randint(0, V, {2, roll(1, 30)}, at::kLong);
    Tensor input = leaf(table), other = twin(table), read = at::ones_like(ids);
    if (padding >= 0) read = ids != padding;
    Tensor factor = read.unsqueeze(-1).to(at::kDouble), chosen = other.index_select(0, ids.flatten()).view({2, -1, C});
    Tensor rows = chosen * factor + chosen.detach() * (1 - factor);
    bool tied = one_in(2);
    Tensor ours = call("embedding", input, ids, padding), truth = rows;
    if (tied) ours = call("linear", ours, input, IValue()), truth = at::matmul(rows, other.t());
    compare(tied ? "embedding and projection" : "embedding", ours, {input}, truth, {other}, 1e-5);
    Tensor loss = call("embedding", input, ids, padding).square().sum();
    loss.backward();
    expect("embedding: the gradient is dense", !input.grad().is_sparse() && input.grad().is_contiguous());
    Tensor once = input.grad().clone();
    call("embedding", input, ids, padding).square().sum().backward();
    expect_close("embedding: gradients add up", input.grad(), 2 * once.to(at::kDouble), 1e-6);
}

int cases = 25;

int run() {
    torch::manual_seed(7);
    for (int i = 0; i < cases; i++) {
        at::set_num_threads((int)roll(1, 5));
        rotations(); whole_path(); splits(); appended(); embeddings();
    }
    return failures ? 1 : 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1) cases = std::atoi(arguments[1]);
    return once_for_each_isa(arguments, run);
}
