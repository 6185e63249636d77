// The bridge by its C ABI alone, as .NET sees it: small enough to run under valgrind.
//   g++ -std=c++17 -g bridge_test.cpp -I../../src/native/include -L<folder of the library> -ltransformertorch
//   valgrind --leak-check=full ./a.out
#include <tt.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

int failures = 0;

void check(bool good, const char* what, int line) {
    if (good) return;
    failures++;
    std::fprintf(stderr, "bridge_test.cpp:%d: %s  [%s]\n", line, what, tt_error(0));
}
#define CHECK(condition) check(condition, #condition, __LINE__)

tt_value none() { return {TT_NONE, 0, {}}; }
tt_value fallback() { return {TT_DEFAULT, 0, {}}; }
tt_value of_int(int64_t i, int32_t tag = TT_INT) { tt_value v{tag, 0, {}}; v.i = i; return v; }
tt_value of_double(double d) { tt_value v{TT_DOUBLE, 0, {}}; v.d = d; return v; }
tt_value of_pointer(int32_t tag, const void* p, int32_t n = 0) { tt_value v{tag, n, {}}; v.p = const_cast<void*>(p); return v; }
tt_value of(tt_tensor t) { return of_pointer(TT_TENSOR, t); }
tt_value of_text(const char* s) { return of_pointer(TT_STRING, s, static_cast<int32_t>(std::strlen(s))); }

// A call that gives one tensor, or NULL.
tt_tensor call(const char* name, const char* overload, const std::vector<tt_value>& arguments) {
    auto op = tt_operator_find(name, overload);
    if (op == nullptr) return nullptr;
    tt_value result = none();
    if (tt_operator_call(op, arguments.data(), static_cast<int32_t>(arguments.size()), &result, 1) < 0) return nullptr;
    return result.tag == TT_TENSOR ? result.p : nullptr;
}

tt_tensor filled(std::vector<int64_t> sizes, double value) {
    return call("aten::full", "", {of_pointer(TT_INTS, sizes.data(), static_cast<int32_t>(sizes.size())), of_double(value)});
}

float first(tt_tensor tensor) { return *static_cast<float*>(tt_tensor_data(tensor)); }

bool error_has(const char* part) { return std::strstr(tt_error(0), part) != nullptr && std::strchr(tt_error(0), '\n') == nullptr; }

void operators() {
    auto a = filled({2, 3}, 2), b = filled({2, 3}, 5);
    auto sum = call("aten::add", "Tensor", {of(a), of(b)});
    CHECK(sum && first(sum) == 7);
    auto scaled = call("aten::add", "Tensor", {of(a), of(b), of_int(2)});                 // an int for a Scalar
    CHECK(scaled && first(scaled) == 12);
    auto halved = call("aten::div", "Tensor", {of(a), of_int(4)});                        // a number for a Tensor: keeps float32
    CHECK(halved && first(halved) == 0.5f && tt_tensor_dtype(halved) == 6);
    auto defaulted = call("aten::add", "Tensor", {of(a), of(b), fallback()});
    CHECK(defaulted && first(defaulted) == 7);
    auto meaned = call("aten::mean", "dim", {of(b), of_int(1), of_int(1, TT_BOOL)});      // one int for int[1]?
    CHECK(meaned && tt_tensor_rank(meaned) == 2 && first(meaned) == 5);
    auto wide = call("aten::to", "dtype", {of(a), of_int(7)});
    CHECK(wide && tt_tensor_dtype(wide) == 7);
    tt_tensor pair[] = {a, b};
    auto joined = call("aten::cat", "", {of_pointer(TT_TENSORS, pair, 2), of_int(0)});
    CHECK(joined && tt_tensor_numel(joined) == 12);
    auto activated = call("aten::gelu", "", {of(a), of_text("tanh")});
    CHECK(activated && std::fabs(first(activated) - 1.954597) < 1e-5);
    tt_tensor grown[] = {a, b};
    double factors[] = {2, 0.5};
    auto scaled_op = tt_operator_find("aten::_foreach_mul", "ScalarList");                 // Scalar[]
    tt_value scaling[] = {of_pointer(TT_TENSORS, grown, 2), of_pointer(TT_DOUBLES, factors, 2)};
    tt_value products = none();
    CHECK(tt_operator_call(scaled_op, scaling, 2, &products, 1) == 1 && products.n == 2);
    CHECK(first(static_cast<tt_tensor*>(products.p)[0]) == 4 && first(static_cast<tt_tensor*>(products.p)[1]) == 2.5f);
    for (int i = 0; i < products.n; i++) tt_tensor_free(static_cast<tt_tensor*>(products.p)[i]);
    tt_free(products.p);
    auto range = call("aten::arange", "", {of_int(2), of_int(4)});
    tt_tensor indices[] = {nullptr, range};
    auto picked = call("aten::index", "Tensor", {of(b), of_pointer(TT_OPTIONAL_TENSORS, indices, 2)});
    CHECK(picked && tt_tensor_numel(picked) == 4);

    tt_value results[3];
    auto op = tt_operator_find("aten::unbind", "int");
    tt_value split[] = {of(a)};
    CHECK(tt_operator_call(op, split, 1, results, 3) == 1 && results[0].tag == TT_TENSORS && results[0].n == 2);
    for (int i = 0; i < results[0].n; i++) tt_tensor_free(static_cast<tt_tensor*>(results[0].p)[i]);
    tt_free(results[0].p);

    op = tt_operator_find("aten::max", "dim");
    tt_value most[] = {of(b), of_int(0)};
    CHECK(tt_operator_call(op, most, 2, results, 1) == 2);                                 // the second result is dropped
    tt_tensor_free(results[0].p);
    op = tt_operator_find("aten::item", "");
    auto one = filled({1}, 3);
    tt_value only[] = {of(one)};
    CHECK(tt_operator_call(op, only, 1, results, 1) == 1 && results[0].tag == TT_DOUBLE && results[0].d == 3);
    tt_tensor_free(one);
    for (auto t : {a, b, sum, scaled, halved, defaulted, meaned, wide, joined, activated, range, picked}) tt_tensor_free(t);
}

void wrong_arguments() {
    auto a = filled({2}, 1), wide = filled({3}, 1);
    CHECK(!tt_operator_find("aten::no_such", "") && error_has("aten::no_such"));
    CHECK(!call("aten::add", "Tensor", {of(a), of_text("x")}) && error_has("'other'") && error_has("a string")
        && error_has("aten::add.Tensor("));
    CHECK(!call("aten::add", "Tensor", {of(a)}) && error_has("'other'") && error_has("nothing"));
    CHECK(!call("aten::add", "Tensor", {of(a), none()}) && error_has("'other'"));
    CHECK(!call("aten::add", "Tensor", {of(a), of(a), of_int(1), of_int(1)}) && error_has("given 4 arguments"));
    CHECK(!call("aten::add", "Tensor", {of(a), of(nullptr)}) && error_has("null"));
    CHECK(!call("aten::add", "Tensor", {of(a), {99, 0, {}}}) && error_has("unknown tag"));
    CHECK(!call("aten::full", "", {of_pointer(TT_INTS, nullptr, 2), of_int(1)}) && error_has("null pointer"));
    CHECK(!call("aten::gelu", "", {of(a), of_pointer(TT_STRING, "", -1)}) && error_has("length -1"));
    CHECK(!call("aten::sum", "dim_IntList", {of(a), of_double(0.5)}) && error_has("'dim'"));
    tt_tensor absent[] = {a, nullptr};
    CHECK(!call("aten::cat", "", {of_pointer(TT_TENSORS, absent, 2)}) && error_has("null"));
    CHECK(!call("aten::add", "Tensor", {of(a), of(wide)}) && error_has("must match"));
    CHECK(std::strlen(tt_error(1)) > std::strlen(tt_error(0)));                            // with the C++ trace
    auto again = call("aten::add", "Tensor", {of(a), of(a)});
    CHECK(again && first(again) == 2);
    int64_t huge[] = {1LL << 50};
    tt_value result;
    tt_value size[] = {of_pointer(TT_INTS, huge, 1), of_double(0)};
    CHECK(tt_operator_call(tt_operator_find("aten::full", ""), size, 2, &result, 1) == TT_OUT_OF_MEMORY);
    for (auto t : {a, wide, again}) tt_tensor_free(t);
}

int released = 0;
void count_release(void* context) { ++*static_cast<int*>(context); }

void memory() {
    float data[6] = {1, 2, 3, 4, 5, 6};
    int64_t sizes[] = {2, 3}, bad[] = {2, -3}, read[2], strides[2];
    released = 0;
    CHECK(!tt_tensor_from_memory(data, bad, 2, 6, count_release, &released) && error_has("negative"));
    CHECK(!tt_tensor_from_memory(data, sizes, 2, 999, count_release, &released) && error_has("dtype"));
    CHECK(!tt_tensor_from_memory(nullptr, sizes, 2, 6, count_release, &released) && error_has("no memory"));
    CHECK(released == 0);
    auto t = tt_tensor_from_memory(data, sizes, 2, 6, count_release, &released);
    CHECK(t && tt_tensor_data(t) == data && tt_tensor_sizes(t, read, strides) == TT_OK && read[1] == 3 && strides[0] == 3);
    auto row = call("aten::select", "int", {of(t), of_int(0), of_int(1)});
    CHECK(row && tt_tensor_data(row) == data + 3 && tt_tensor_storage(row) == tt_tensor_storage(t) && !tt_tensor_is_same(row, t));
    tt_tensor_free(t);
    CHECK(released == 0);
    tt_tensor_free(row);
    CHECK(released == 1);
    CHECK(tt_tensor_rank(nullptr) == TT_FAILED && error_has("null"));
}

struct Seen { int calls = 0, released = 0; bool fail = false; tt_hook self = nullptr; };
tt_tensor on_gradient(void* context, tt_tensor gradient) {
    auto seen = static_cast<Seen*>(context);
    seen->calls++;
    if (seen->fail) { tt_hook_failed("the hook says no"); return nullptr; }
    if (seen->self) { tt_hook_remove(seen->self); seen->self = nullptr; }
    return call("aten::mul", "Tensor", {of(gradient), of_int(10)});
}
tt_tensor after(void* context, tt_tensor leaf) {
    auto seen = static_cast<Seen*>(context);
    seen->calls++;
    if (seen->fail) { tt_hook_failed("not this leaf"); return nullptr; }
    auto grad = tt_tensor_grad(leaf);
    CHECK(grad != nullptr);
    tt_tensor_free(grad);
    tt_tensor_set_grad(leaf, nullptr);
    return nullptr;
}
void hook_released(void* context) { static_cast<Seen*>(context)->released++; }

int32_t backward_of_square(tt_tensor leaf) {
    auto square = call("aten::mul", "Tensor", {of(leaf), of(leaf)});
    auto sum = call("aten::sum", "", {of(square)});
    auto status = tt_backward(&sum, nullptr, 1, 0, 0, nullptr, 0);
    tt_tensor_free(square);
    tt_tensor_free(sum);
    return status;
}

void autograd() {
    auto leaf = filled({3}, 2);
    CHECK(tt_tensor_grad(leaf) == nullptr && *tt_error(0) == 0);
    CHECK(tt_tensor_set_requires_grad(leaf, 1) == TT_OK && tt_tensor_requires_grad(leaf) == 1 && tt_tensor_is_leaf(leaf) == 1);
    Seen seen;
    auto hook = tt_hook_add(leaf, on_gradient, &seen, hook_released);
    CHECK(hook && backward_of_square(leaf) == TT_OK && seen.calls == 1);
    auto grad = tt_tensor_grad(leaf);
    CHECK(grad && first(grad) == 40);
    tt_tensor_free(grad);
    seen.fail = true;
    CHECK(backward_of_square(leaf) == TT_FAILED && error_has("the hook says no"));
    seen.fail = false;
    seen.self = hook;                                                                      // removes itself while it runs
    CHECK(backward_of_square(leaf) == TT_OK && seen.calls == 3 && seen.released == 1);
    CHECK(backward_of_square(leaf) == TT_OK && seen.calls == 3);

    Seen last;
    tt_tensor_set_grad(leaf, nullptr);
    auto first_after = tt_hook_add_after_accumulate(leaf, after, &last, hook_released);
    CHECK(first_after && backward_of_square(leaf) == TT_OK && last.calls == 1 && tt_tensor_grad(leaf) == nullptr);
    last.fail = true;
    CHECK(backward_of_square(leaf) == TT_FAILED && error_has("not this leaf"));
    CHECK(tt_hook_remove(first_after) == TT_OK && last.released == 1);
    CHECK(backward_of_square(leaf) == TT_OK && last.calls == 2);
    Seen kept;
    auto handle = tt_hook_add(leaf, on_gradient, &kept, hook_released);
    tt_hook_free(handle);
    CHECK(kept.released == 0);

    auto square = call("aten::mul", "Tensor", {of(leaf), of(leaf)});
    auto sum = call("aten::sum", "", {of(square)});
    tt_tensor found = nullptr, unused = filled({1}, 1);
    tt_tensor_set_requires_grad(unused, 1);
    CHECK(tt_grad(&sum, nullptr, 1, &leaf, 1, 1, 0, 0, &found) == TT_OK && found && first(found) == 40);
    tt_tensor_free(found);
    CHECK(tt_grad(&sum, nullptr, 1, &unused, 1, 1, 0, 0, &found) == TT_FAILED);
    CHECK(tt_grad(&sum, nullptr, 1, &unused, 1, 1, 0, 1, &found) == TT_OK && found == nullptr);
    CHECK(tt_tensor_set_grad(leaf, unused) == TT_FAILED && error_has("shape"));
    for (auto t : {leaf, square, sum, unused}) tt_tensor_free(t);
    CHECK(kept.released == 1);

    CHECK(tt_grad_mode() == 1);
    tt_set_grad_mode(0);
    CHECK(tt_grad_mode() == 0);
    tt_set_grad_mode(1);
    auto guard = tt_inference_mode_enter(1);
    CHECK(tt_inference_mode() == 1);
    tt_inference_mode_leave(guard);
    CHECK(tt_inference_mode() == 0);
}

void autocast() {
    int32_t before[3], inner[3];
    auto x = filled({2, 4}, 1), w = filled({3, 4}, 1);
    CHECK(tt_autocast_enter(0, 1, 15, 1, before) == 1 && tt_autocast(0) == 1 && tt_autocast_dtype(0) == 15);
    auto low = call("aten::linear", "", {of(x), of(w)});
    CHECK(low && tt_tensor_dtype(low) == 15);
    CHECK(tt_autocast_enter(0, 0, 15, 1, inner) == 2);
    auto high = call("aten::linear", "", {of(x), of(w)});
    CHECK(high && tt_tensor_dtype(high) == 6);
    CHECK(tt_autocast_leave(0, inner) == 1 && tt_autocast(0) == 1 && tt_autocast_leave(0, before) == 0 && tt_autocast(0) == 0);
    CHECK(tt_autocast(1000) == TT_FAILED);
    for (auto t : {x, w, low, high}) tt_tensor_free(t);
}

float drawn(tt_generator generator) {
    int64_t sizes[] = {1};
    auto t = call("aten::rand", "generator", {of_pointer(TT_INTS, sizes, 1), of_pointer(TT_GENERATOR, generator)});
    CHECK(t != nullptr);
    auto value = first(t);
    tt_tensor_free(t);
    return value;
}

void random_numbers() {
    auto generator = tt_generator_new(0, -1);
    CHECK(generator && tt_generator_seed(generator, 7) == TT_OK && tt_generator_initial_seed(generator) == 7);
    auto state = tt_generator_state(generator);
    auto a = drawn(generator), b = drawn(generator);
    CHECK(a != b && tt_generator_set_state(generator, state) == TT_OK && drawn(generator) == a && drawn(generator) == b);
    auto wrong = filled({3}, 1);
    CHECK(tt_generator_set_state(generator, wrong) == TT_FAILED);
    auto shared = tt_generator_default(0, -1);
    CHECK(tt_manual_seed(3) == TT_OK && tt_generator_initial_seed(shared) == 3);
    CHECK(!tt_generator_default(1, 0));   // no CUDA here, or no device 0: either way no crash
    tt_tensor_free(state);
    tt_tensor_free(wrong);
    tt_generator_free(shared);
    tt_generator_free(generator);
}

void machine() {
    CHECK(std::strchr(tt_torch_version(), '.') != nullptr);
    CHECK(std::strstr(tt_build_info(), "compiler") != nullptr && std::strlen(tt_torch_config()) > 0);
    CHECK(tt_set_threads(0) == TT_FAILED && tt_set_threads(2) == TT_OK && tt_threads() == 2 && tt_interop_threads() > 0);
    if (!tt_cuda_built()) {
        CHECK(tt_cuda_device_count() == 0 && tt_cuda_synchronize(0) == TT_FAILED && error_has("without CUDA"));
        CHECK(!tt_cuda_graph_new() && error_has("without CUDA"));
    }
}

void threads() {
    std::vector<std::thread> all;
    std::atomic<int> wrong{0};
    for (int id = 0; id < 8; id++) {
        all.emplace_back([id, &wrong] {
            for (int i = 0; i < 50; i++) {
                auto a = filled({id + 2}, id), b = filled({id + 20}, 1);
                if (call("aten::add", "Tensor", {of(a), of(b)})) wrong++;
                auto size = "(" + std::to_string(id + 2) + ")";
                if (std::strstr(tt_error(0), size.c_str()) == nullptr) wrong++;
                auto good = call("aten::add", "Tensor", {of(a), of(a)});
                if (!good || first(good) != 2 * id) wrong++;
                for (auto t : {a, b, good}) tt_tensor_free(t);
            }
        });
    }
    for (auto& thread : all) thread.join();
    CHECK(wrong == 0);
}

}  // namespace

int main() {
    operators();
    wrong_arguments();
    memory();
    autograd();
    autocast();
    random_numbers();
    machine();
    threads();
    std::printf(failures == 0 ? "bridge: all good\n" : "bridge: %d failed\n", failures);
    return failures != 0;
}
