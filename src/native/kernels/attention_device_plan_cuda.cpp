#include "attention_device_plan.h"

#include "device_host.h"

namespace tt {

using at::Tensor;

bool in_vectors(const Tensor& x) {
    const int64_t size = x.element_size();
    auto whole = [size](int64_t n) { return n * size % 16 == 0; };
    return reinterpret_cast<uintptr_t>(x.data_ptr()) % 16 == 0 && whole(x.size(3)) && whole(x.stride(0)) && whole(x.stride(1)) &&
        whole(x.stride(2));
}

DevicePlan::DevicePlan(const Tensor& query, const Tensor& key, const AttentionOptions& options) {
    DeviceAttention& a = attention;
    const at::Device device = query.device();
    a.B = (int)query.size(0); a.Tq = (int)query.size(1); a.H = (int)query.size(2); a.D = (int)query.size(3);
    a.Tk = (int)key.size(1); a.K = (int)key.size(2); a.group = a.H / a.K;
    a.causal = options.causal;
    a.window = (int)std::min<int64_t>(options.window, INT32_MAX / 4);   // beyond any length: sums stay in 32 bits
    a.scale = (float)options.scale; a.soft_cap = (float)options.soft_cap;
    if (options.documents || options.key_mask) take_codes(options, device);
    auto by_batch = [&](const OptionalTensor& given, Tensor& held) -> const int64_t* {
        if (!given) return nullptr;
        held = given->to(device, at::kLong).contiguous();
        return held.data_ptr<int64_t>();
    };
    a.prefix = by_batch(options.prefix, prefix);
    a.ends = by_batch(options.key_lengths, ends);
    if (options.distance_bias) {
        distance_bias = options.distance_bias->detach().to(device, at::kFloat).contiguous();
        a.distance_bias = distance_bias.data_ptr<float>();
    }
    if (options.bias) take_bias(options.bias->detach().to(device));
    if (options.dropout > 0) take_dropout(options.dropout);
}

void DevicePlan::take_codes(const AttentionOptions& options, const at::Device& device) {
    const DeviceAttention& a = attention;
    auto given = [&](const OptionalTensor& x, at::ScalarType type) { return x ? x->to(device, type).contiguous() : Tensor(); };
    Tensor documents = given(options.documents, at::kLong), mask = given(options.key_mask, at::kBool);
    auto room = [&](int64_t n) { return at::empty({a.B, n}, at::TensorOptions(device).dtype(at::kInt)); };
    auto bounds = [](int64_t n) { return 2 * ((n + CodeBlock - 1) / CodeBlock); };
    key_codes = room(a.Tk); query_codes = room(a.Tq); key_blocks = room(bounds(a.Tk)); query_blocks = room(bounds(a.Tq));
    DeviceMasks masks;
    masks.B = a.B; masks.Tq = a.Tq; masks.Tk = a.Tk;
    masks.documents = documents.defined() ? documents.data_ptr<int64_t>() : nullptr;
    masks.key_mask = mask.defined() ? mask.data_ptr<bool>() : nullptr;
    attention.key_codes = masks.key_codes = key_codes.data_ptr<int>();
    attention.query_codes = masks.query_codes = query_codes.data_ptr<int>();
    attention.key_blocks = masks.key_blocks = key_blocks.data_ptr<int>();
    attention.query_blocks = masks.query_blocks = query_blocks.data_ptr<int>();
    launch_attention_codes(masks);
}

void DevicePlan::take_bias(const Tensor& given) {
    DeviceAttention& a = attention;
    const auto type = given.scalar_type();
    bias = type == at::kFloat || type == at::kHalf || type == at::kBFloat16 ? given : given.to(at::kFloat);
    while (bias.dim() < 4) bias = bias.unsqueeze(0);
    bias_sizes = bias.sizes().vec();
    a.bias_batch = bias.size(0) > 1; a.bias_head = bias.size(1) > 1; a.bias_query = bias.size(2) > 1;
    bias = bias.expand({a.B, a.H, a.Tq, a.Tk});
    a.bias = bias.data_ptr();
    a.bias_type = bias.scalar_type() == at::kFloat ? 0 : bias.scalar_type() == at::kHalf ? 1 : 2;
    for (int i = 0; i < 4; i++) a.bias_strides[i] = bias.size(i) == 1 ? 0 : bias.stride(i);
}

void DevicePlan::take_dropout(double dropout) {
    attention.drop_below = drop_below(dropout);
    attention.keep_scale = keep_scale(attention.drop_below);
    take_seed(attention);
}

void DevicePlan::split_keys(int64_t key_block) {
    DeviceAttention& a = attention;
    const int64_t blocks = (int64_t)a.B * a.K * (((int64_t)a.Tq * a.group + 63) / 64), tiles = (a.Tk + key_block - 1) / key_block;
    const int64_t wanted = (2 * device_processors() + blocks - 1) / std::max<int64_t>(1, blocks);
    a.splits = blocks >= device_processors() ? 1 : (int)std::clamp<int64_t>(std::min(wanted, tiles / 2), 1, 128);
}

}  // namespace tt
