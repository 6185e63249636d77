// Attention on CUDA by libtorch's own kernels, where one of them needs no (Tq, Tk) tensor.
#include <ATen/cuda/CUDAContext.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include "attention_cuda.h"
#include "attention_device_plan.h"
#include "device_host.h"

namespace tt {

using at::Tensor;

namespace {

int compute_capability(const Tensor& x) {
    const auto* device = at::cuda::getDeviceProperties(x.get_device());
    return 10 * device->major + device->minor;
}

Tensor flash(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& o) {   // (B, T, H, D), K key heads; differentiable
    std::optional<int64_t> before, after;
    if (o.window > 0) {
        before = o.window - 1;
        after = o.causal ? 0 : o.window - 1;
    }
    return std::get<0>(at::_flash_attention_forward(q, k, v, {}, {}, q.size(1), k.size(1), o.dropout, o.causal && o.window == 0, false,
                                                    o.scale, before, after));
}

// Whether this libtorch was built with its flash kernel: asked once, by a call.
bool has_flash(const Tensor& like) {
    static const bool has = [&] {
        try {
            at::NoGradGuard none;
            Tensor x = at::zeros({1, 8, 1, 8}, like.options());
            AttentionOptions window;
            window.causal = true; window.window = 4;
            flash(x, x, x, window);
            return true;
        } catch (const c10::Error&) {
            return false;
        }
    }();
    return has;
}

// Without window, with as many key heads, causal over as many keys as queries: the fastest of libtorch's for this machine.
bool is_plain(const Tensor& query, const Tensor& key, const AttentionOptions& o) {
    return o.window == 0 && key.size(2) == query.size(2) && (!o.causal || query.size(1) == key.size(1));
}

}  // namespace

bool on_device_kernels(const Tensor& query) {
    const auto type = query.scalar_type();
    return query.is_cuda() && (type == at::kFloat || type == at::kHalf || type == at::kBFloat16) && query.size(3) <= 256 &&
        query.size(1) * query.size(2) < INT32_MAX / 2 && compute_capability(query) >= 80;
}

const char* why_not_libtorch(const Tensor& query, const Tensor& key, const AttentionOptions& o) {
    if (o.bias) return "a bias would be a (Tq, Tk) tensor to it";
    if (o.slopes || o.distance_bias) return "terms by distance would be a (Tq, Tk) tensor to it";
    if (o.key_lengths || o.key_mask) return "padding would be a (Tq, Tk) mask to it";
    if (o.documents) return "packed documents would be a (Tq, Tk) mask to it";
    if (o.prefix) return "a prefix would be a (Tq, Tk) mask to it";
    if (o.soft_cap > 0) return "it has no soft cap";
    if (is_plain(query, key, o)) return nullptr;
    if (query.size(3) > 256) return "it has head sizes to 256";
    if (query.scalar_type() != at::kHalf && query.scalar_type() != at::kBFloat16)
        return "beside float16 and bfloat16 it has neither windows nor grouped heads";
    if (query.size(3) % 8) return "it wants head sizes in multiples of 8";
    if (o.scale <= 0) return "it wants a positive scale";
    if (query.size(1) > key.size(1)) return "there are more queries than keys";
    return has_flash(query) ? nullptr : "this libtorch was built without its flash kernel";
}

Tensor attention_by_libtorch(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionOptions& o) {
    DeviceGuard guard(query);
    auto aligned = [](const Tensor& x) { return in_vectors(rows(x)) ? rows(x) : x.clone(at::MemoryFormat::Contiguous); };
    if (!is_plain(query, key, o)) return flash(aligned(query), aligned(key), aligned(value), o);
    return at::scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), {}, o.dropout, o.causal,
                                            o.scale).transpose(1, 2).contiguous();
}

}  // namespace tt
