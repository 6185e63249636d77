#ifdef TT_HAVE_DNNL
#include "onednn.h"
#include "parallel.h"

#include <algorithm>
#include <array>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <ATen/ATen.h>
#include <oneapi/dnnl/dnnl.hpp>

namespace tt {

Type type_of(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16 ? Type::bf16 : Type::f32; }
Matrix matrix(const at::Tensor& x) { return {type_of(x), x.data_ptr(), x.size(0), x.size(1), x.stride(0), x.stride(1)}; }

namespace {

using dnnl::memory;

const dnnl::engine& engine() {
    static dnnl::engine one(dnnl::engine::kind::cpu, 0);
    return one;
}
dnnl::stream& stream() {
    thread_local dnnl::stream one(engine());
    return one;
}
memory::data_type data_type(Type t) { return t == Type::bf16 ? memory::data_type::bf16 : memory::data_type::f32; }

// A matrix of one row or column has a stride without meaning: oneDNN wants one that fits.
memory::desc describe(const Matrix& m) {
    bool by_rows = m.column == 1;
    int64_t row = m.row, column = m.column;
    if (by_rows) row = m.rows == 1 ? m.columns : row;
    else column = m.columns == 1 ? m.rows : column;
    return memory::desc({m.rows, m.columns}, data_type(m.type), memory::dims{row, column});
}

struct Product {
    dnnl::matmul primitive;
    memory::desc a, b, c, bias, scratch;
    bool packed;   // b has a layout of oneDNN's own
};

using Key = std::array<int64_t, 14>;
struct KeyHash {
    size_t operator()(const Key& key) const {
        uint64_t h = 1469598103934665603u;
        for (int64_t x : key) h = (h ^ (uint64_t)x) * 1099511628211u;
        return (size_t)(h ^ (h >> 32));
    }
};

dnnl::algorithm algorithm(Activation activation) {
    switch (activation) {
        case Activation::gelu: return dnnl::algorithm::eltwise_gelu_erf;
        case Activation::gelu_tanh: return dnnl::algorithm::eltwise_gelu_tanh;
        case Activation::silu: return dnnl::algorithm::eltwise_swish;
        case Activation::relu: break;
    }
    return dnnl::algorithm::eltwise_relu;
}

std::shared_ptr<const Product> make_product(const Matrix& a, const Matrix& b, const Matrix& c, const Epilogue& epilogue, bool pack) {
    auto p = std::make_shared<Product>();
    p->a = describe(a);
    p->c = describe(c);
    memory::desc wanted = pack ? memory::desc({b.rows, b.columns}, data_type(b.type), memory::format_tag::any) : describe(b);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    dnnl::post_ops post;
    if (epilogue.add) post.append_sum(1.0f);
    if (epilogue.activation)   // swish is x sigmoid(alpha x)
        post.append_eltwise(algorithm(*epilogue.activation), *epilogue.activation == Activation::silu ? 1.0f : 0.0f, 0.0f);
    attributes.set_post_ops(post);
    dnnl::matmul::primitive_desc pd;
    if (epilogue.bias) {
        p->bias = memory::desc({1, c.columns}, memory::data_type::f32, memory::format_tag::ab);
        pd = dnnl::matmul::primitive_desc(engine(), p->a, wanted, p->bias, p->c, attributes);
    } else {
        pd = dnnl::matmul::primitive_desc(engine(), p->a, wanted, p->c, attributes);
    }
    p->primitive = dnnl::matmul(pd);
    p->b = pd.weights_desc();
    p->scratch = pd.scratchpad_desc();
    p->packed = pack;
    return p;
}

std::shared_ptr<const Product> find_product(const Matrix& a, const Matrix& b, const Matrix& c, const Epilogue& epilogue, bool pack) {
    int64_t ending = (epilogue.bias != nullptr) + 2 * epilogue.add + (epilogue.activation ? 4 * (1 + (int64_t)*epilogue.activation) : 0);
    Key key = {a.rows, a.columns, b.columns, a.row, a.column, c.row, c.column, (int64_t)a.type, (int64_t)b.type, (int64_t)c.type,
               pack ? -1 : b.row, pack ? -1 : b.column, ending, pack};
    static std::mutex mutex;
    static std::unordered_map<Key, std::shared_ptr<const Product>, KeyHash> products;
    std::lock_guard<std::mutex> lock(mutex);
    auto found = products.find(key);
    if (found != products.end()) return found->second;
    if (products.size() >= 2048) products.clear();   // lengths that never come again
    return products[key] = make_product(a, b, c, epilogue, pack);
}

void execute(const Product& p, const Matrix& a, void* b, const Matrix& c, const float* bias) {
    std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, memory(p.a, engine(), a.data)},
                                                 {DNNL_ARG_WEIGHTS, memory(p.b, engine(), b)},
                                                 {DNNL_ARG_DST, memory(p.c, engine(), c.data)}};
    if (bias) arguments.emplace(DNNL_ARG_BIAS, memory(p.bias, engine(), const_cast<float*>(bias)));
    at::Tensor scratch;
    if (p.scratch.get_size() > 0) {
        scratch = at::empty({(int64_t)p.scratch.get_size()}, at::kByte);
        arguments.emplace(DNNL_ARG_SCRATCHPAD, memory(p.scratch, engine(), scratch.data_ptr()));
    }
    p.primitive.execute(stream(), arguments);
    stream().wait();
}

// ---- packed weights --------------------------------------------------------------------------------------------------------------

// A write through a data pointer leaves the version as it is: a few elements are compared besides.
std::array<float, 8> sample(const at::Tensor& w) {
    std::array<float, 8> s;
    int64_t n = w.numel();
    for (int64_t i = 0; i < 8; i++) {
        int64_t at = (n - 1) * i / 7, offset = at / w.size(1) * w.stride(0) + at % w.size(1) * w.stride(1);
        s[i] = w.scalar_type() == at::kFloat ? w.data_ptr<float>()[offset] : (float)w.data_ptr<at::BFloat16>()[offset];
    }
    return s;
}

struct Packed {
    c10::weak_intrusive_ptr<c10::StorageImpl> storage;
    int64_t offset, sizes[2], strides[2];
    memory::desc layout;
    Use use;
    uint32_t version;
    std::array<float, 8> sample;
    bool asked_again;   // for this version
    at::Tensor copy;    // or none

    bool is_of(const at::Tensor& w, Use as, const memory::desc& wanted) const {
        return !storage.expired() && offset == w.storage_offset() && use == as && sizes[0] == w.size(0) && sizes[1] == w.size(1) &&
               strides[0] == w.stride(0) && strides[1] == w.stride(1) && layout == wanted;
    }
};

std::mutex packed_mutex;
std::unordered_multimap<const void*, Packed> packed_weights;   // by storage

// Drops the copies of weights that are gone, now and then.
void forget_expired() {
    static size_t limit = 256;
    if (packed_weights.size() < limit) return;
    for (auto i = packed_weights.begin(); i != packed_weights.end();)
        i = i->second.storage.expired() ? packed_weights.erase(i) : std::next(i);
    limit = 2 * packed_weights.size() + 256;
}

at::Tensor pack(const Matrix& weight, const memory::desc& layout) {
    at::Tensor copy = at::empty({(int64_t)layout.get_size()}, at::kByte);
    memory from(describe(weight), engine(), weight.data), to(layout, engine(), copy.data_ptr());
    dnnl::reorder(from, to).execute(stream(), from, to);
    stream().wait();
    return copy;
}

// A copy is kept where one version of the weight is asked for again, as in inference and over the micro-steps of a batch; a step that
// uses it once makes it in passing, which takes no memory of its own. A version is expected to be used as often as the one before it.
at::Tensor packed_copy(const at::Tensor& w, Use use, const memory::desc& layout) {
    const Matrix source = use == Use::transposed ? matrix(w).transposed() : matrix(w);
    if (w.is_inference()) return pack(source, layout);   // changes unseen
    auto now = sample(w);
    std::lock_guard<std::mutex> lock(packed_mutex);
    auto [first, last] = packed_weights.equal_range(w.storage().unsafeGetStorageImpl());
    auto slot = std::find_if(first, last, [&](auto& entry) { return entry.second.is_of(w, use, layout); });
    if (slot == last) {
        forget_expired();
        packed_weights.emplace(w.storage().unsafeGetStorageImpl(),
                               Packed{w.storage().getWeakStorageImpl(), w.storage_offset(), {w.size(0), w.size(1)},
                                      {w.stride(0), w.stride(1)}, layout, use, (uint32_t)w._version(), now, false, {}});
        return pack(source, layout);
    }
    Packed& p = slot->second;
    bool again = p.version == w._version() && p.sample == now, keep = again || p.asked_again;
    if (again && p.copy.defined()) { p.asked_again = true; return p.copy; }
    p.version = w._version();
    p.sample = now;
    p.asked_again = again;
    p.copy = at::Tensor();   // its memory serves the new one
    at::Tensor copy = pack(source, layout);
    if (keep) p.copy = copy;
    return copy;
}

// ---- products of bf16 without instructions for it: oneDNN makes them number by number, with AVX-512 at a quarter of the speed of fp32

bool multiplies(Type type) {
    static const bool bf16 = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core_bf16;
    return type == Type::f32 || bf16;
}

// A matrix in a type that is multiplied here: itself, or a copy in fp32.
class Widened {
public:
    explicit Widened(const Matrix& m, bool is_read = true) : given_(m), matrix_(m) {
        if (multiplies(m.type)) return;
        const bool by_rows = m.column == 1;
        lines_ = by_rows ? m.rows : m.columns;
        length_ = by_rows ? m.columns : m.rows;
        stride_ = by_rows ? m.row : m.column;
        copy_ = at::empty({lines_, length_}, at::kFloat);
        matrix_ = {Type::f32, copy_.data_ptr(), m.rows, m.columns, by_rows ? length_ : 1, by_rows ? 1 : length_};
        if (is_read)
            each_line([](float* wide, at::BFloat16* given, int64_t n) { kernels().convert(Type::bf16, given, Type::f32, wide, n); });
    }
    operator const Matrix&() const { return matrix_; }
    void write_back() const {
        if (copy_.defined())
            each_line([](float* wide, at::BFloat16* given, int64_t n) { kernels().convert(Type::f32, wide, Type::bf16, given, n); });
    }

private:
    template <class F> void each_line(const F& f) const {
        for_ranges(lines_, std::max<int64_t>(1, 65536 / std::max<int64_t>(1, length_)), [&](int64_t first, int64_t last) {
            for (int64_t i = first; i < last; i++)
                f(copy_.data_ptr<float>() + i * length_, (at::BFloat16*)given_.data + i * stride_, length_);
        });
    }
    Matrix given_, matrix_;
    at::Tensor copy_;
    int64_t lines_ = 0, length_ = 0, stride_ = 0;
};

}  // namespace

void multiply(const Matrix& a, const Matrix& b, const Matrix& c, const Epilogue& epilogue) {
    if (multiplies(a.type) && multiplies(b.type) && multiplies(c.type))
        return execute(*find_product(a, b, c, epilogue, false), a, b.data, c, epilogue.bias);
    Widened x(a), y(b), z(c, epilogue.add);
    multiply(x, y, (const Matrix&)z, epilogue);
    z.write_back();
}

void multiply_weight(const Matrix& a, const at::Tensor& weight, Use use, Type type, const Matrix& c, const Epilogue& epilogue) {
    if (!multiplies(type) || !multiplies(a.type) || !multiplies(c.type)) {
        Widened x(a), z(c, epilogue.add);
        multiply_weight(x, weight, use, Type::f32, z, epilogue);
        return z.write_back();
    }
    auto used = [&](const Matrix& w) { return use == Use::transposed ? w.transposed() : w; };
    Matrix b = used(matrix(weight));
    // oneDNN 3.7 packs wrongly where the blocks have tails; fp32 gains from packing only where the rows of b are strided.
    if (b.rows % 64 == 0 && b.columns % 64 == 0 && (type == Type::bf16 || b.column != 1)) {
        b.type = type;
        auto product = find_product(a, b, c, epilogue, true);
        at::Tensor copy = packed_copy(weight, use, product->b);
        return execute(*product, a, copy.data_ptr(), c, epilogue.bias);
    }
    if (type == b.type) return multiply(a, b, c, epilogue);
    Matrix cast{type, nullptr, weight.size(0), weight.size(1), weight.size(1), 1};   // one for both uses
    at::Tensor copy = packed_copy(weight, Use::as_is, describe(cast));
    cast.data = copy.data_ptr();
    multiply(a, used(cast), c, epilogue);
}

}  // namespace tt
#endif
