#ifdef TT_HAVE_DNNL
#include "onednn.h"

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

std::shared_ptr<const Product> make_product(const Matrix& a, const Matrix& b, const Matrix& c, bool bias, bool add, bool pack) {
    auto p = std::make_shared<Product>();
    p->a = describe(a);
    p->c = describe(c);
    memory::desc wanted = pack ? memory::desc({b.rows, b.columns}, data_type(b.type), memory::format_tag::any) : describe(b);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (add) {
        dnnl::post_ops post;
        post.append_sum(1.0f);
        attributes.set_post_ops(post);
    }
    dnnl::matmul::primitive_desc pd;
    if (bias) {
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

std::shared_ptr<const Product> find_product(const Matrix& a, const Matrix& b, const Matrix& c, bool bias, bool add, bool pack) {
    Key key = {a.rows, a.columns, b.columns, a.row, a.column, c.row, c.column, (int64_t)a.type, (int64_t)b.type, (int64_t)c.type,
               pack ? -1 : b.row, pack ? -1 : b.column, bias + 2 * add, pack};
    static std::mutex mutex;
    static std::unordered_map<Key, std::shared_ptr<const Product>, KeyHash> products;
    std::lock_guard<std::mutex> lock(mutex);
    auto found = products.find(key);
    if (found != products.end()) return found->second;
    if (products.size() >= 2048) products.clear();   // lengths that never come again
    return products[key] = make_product(a, b, c, bias, add, pack);
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
    uint32_t version;
    std::array<float, 8> sample;
    Use use;
    std::shared_ptr<memory> copy;
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

std::shared_ptr<memory> packed_copy(const at::Tensor& w, Use use, const memory::desc& layout) {
    const c10::StorageImpl* storage = w.storage().unsafeGetStorageImpl();
    bool tracked = !w.is_inference();
    uint32_t version = tracked ? w._version() : 0;
    auto now = sample(w);
    std::lock_guard<std::mutex> lock(packed_mutex);
    auto [first, last] = packed_weights.equal_range(storage);
    auto slot = last;
    for (auto i = first; i != last; ++i) {
        Packed& p = i->second;
        bool same_place = !p.storage.expired() && p.offset == w.storage_offset() && p.use == use && p.sizes[0] == w.size(0) &&
                          p.sizes[1] == w.size(1) && p.strides[0] == w.stride(0) && p.strides[1] == w.stride(1)
                              && p.copy->get_desc() == layout;
        if (!same_place) continue;
        if (tracked && p.version == version && p.sample == now) return p.copy;
        slot = i;
        break;
    }
    Matrix source = use == Use::transposed ? matrix(w).transposed() : matrix(w);
    auto copy = slot != last && slot->second.copy.use_count() == 1 ? slot->second.copy : std::make_shared<memory>(layout, engine());
    memory from(describe(source), engine(), source.data);
    dnnl::reorder(from, *copy).execute(stream(), from, *copy);
    stream().wait();
    Packed entry{w.storage().getWeakStorageImpl(), w.storage_offset(), {w.size(0), w.size(1)}, {w.stride(0), w.stride(1)}, version, now,
        use, copy};
    if (slot != last) slot->second = std::move(entry);
    else { forget_expired(); packed_weights.emplace(storage, std::move(entry)); }
    return copy;
}

}  // namespace

bool has_products(Type type) {
    static bool bf16 = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core;
    return type == Type::f32 || bf16;
}

void multiply(const Matrix& a, const Matrix& b, const Matrix& c, const float* bias, bool add) {
    auto product = find_product(a, b, c, bias != nullptr, add, false);
    execute(*product, a, b.data, c, bias);
}

void multiply_weight(const Matrix& a, const at::Tensor& weight, Use use, Type type, const Matrix& c, const float* bias) {
    Matrix b = use == Use::transposed ? matrix(weight).transposed() : matrix(weight);
    // oneDNN 3.7 packs wrongly where the blocks have tails; fp32 gains from packing only where the rows of b are strided.
    bool pack = b.rows % 64 == 0 && b.columns % 64 == 0 && (type == Type::bf16 || b.column != 1);
    if (!pack && type == b.type) { multiply(a, b, c, bias); return; }
    b.type = type;
    auto product = find_product(a, b, c, bias != nullptr, false, pack);
    auto copy = packed_copy(weight, use, product->b);
    execute(*product, a, copy->get_data_handle(), c, bias);
}

}  // namespace tt
#endif
