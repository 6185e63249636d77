#include "attention_plan.h"

#include <ATen/Parallel.h>

namespace tt {

using at::Tensor;

AttentionPlan::AttentionPlan(const Tensor& query, const Tensor& key, const AttentionOptions& options) {
    shape.type = kernel_type(query);
    shape.B = query.size(0); shape.Tq = query.size(1); shape.H = query.size(2); shape.D = query.size(3);
    shape.Tk = key.size(1); shape.K = key.size(2);
    shape.causal = options.causal; shape.window = options.window;
    shape.scale = (float)options.scale; shape.soft_cap = (float)options.soft_cap;
    if (options.key_lengths || options.key_mask) bound_keys(or_undefined(options.key_lengths), or_undefined(options.key_mask));
    if (options.documents) {
        documents = options.documents->to(at::kInt).contiguous();
        bound_documents();
    }
    if (options.prefix) {
        prefix = options.prefix->to(at::kInt).contiguous();
        shape.prefix = prefix.data_ptr<int32_t>();
    }
    if (options.distance_bias) {
        distance_bias = with_margins(options.distance_bias->detach());
        shape.distance_bias = distance_bias.data_ptr<float>() + DistanceMargin;
    }
    if (options.bias) {
        bias = options.bias->detach().to(at::kFloat).expand({shape.B, shape.H, shape.Tq, shape.Tk});
        shape.bias = bias.data_ptr<float>();
        for (int i = 0; i < 4; i++) shape.bias_strides[i] = bias.size(i) == 1 ? 0 : bias.stride(i);
    }
    if (options.dropout > 0) {
        shape.drop_below = drop_below(options.dropout);
        shape.keep_scale = keep_scale(shape.drop_below);
        shape.seed = draw_seed();
    }
}

Tensor AttentionPlan::with_margins(const Tensor& by_distance) const {
    Tensor rows = at::zeros({shape.H, shape.distance_row()}, at::kFloat);
    rows.narrow(1, DistanceMargin, shape.distances()).copy_(by_distance);
    return rows;
}

void AttentionPlan::bound_keys(const Tensor& lengths, const Tensor& mask) {
    first_key.assign(shape.B, 0);
    end_key.assign(shape.B, (int32_t)shape.Tk);
    if (lengths.defined()) {
        Tensor ends = lengths.to(at::kLong).contiguous();
        for (int64_t b = 0; b < shape.B; b++)
            end_key[b] = (int32_t)std::clamp<int64_t>(ends.data_ptr<int64_t>()[b], 0, shape.Tk);
    }
    if (mask.defined()) {
        Tensor seen = mask.to(at::kBool).contiguous();
        const bool* rows = seen.data_ptr<bool>();
        bool holes = false;
        for (int64_t b = 0; b < shape.B; b++, rows += shape.Tk) {
            int32_t first = 0, end = end_key[b];
            while (first < end && !rows[first]) first++;
            while (first < end && !rows[end - 1]) end--;
            first_key[b] = first; end_key[b] = end;
            holes = holes || std::find(rows + first, rows + end, false) != rows + end;
        }
        if (holes) {
            key_terms = at::zeros({shape.B, shape.Tk}, at::kFloat).masked_fill_(seen.logical_not(), -INFINITY);
            shape.key_terms = key_terms.data_ptr<float>();
        }
    }
    shape.first_key = first_key.data();
    shape.end_key = end_key.data();
}

void AttentionPlan::bound_documents() {
    int64_t blocks = (shape.Tk + AttentionKeys - 1) / AttentionKeys;
    block_documents = at::empty({shape.B, blocks, 2}, at::kInt);
    shape.documents = documents.data_ptr<int32_t>();
    int32_t* bounds = block_documents.data_ptr<int32_t>();
    for (int64_t b = 0; b < shape.B; b++)
        for (int64_t first = 0; first < shape.Tk; first += AttentionKeys) {
            const int32_t* row = shape.documents + b * shape.Tk;
            auto [least, greatest] = std::minmax_element(row + first, row + std::min(first + AttentionKeys, shape.Tk));
            *bounds++ = *least;
            *bounds++ = *greatest;
        }
    shape.block_documents = block_documents.data_ptr<int32_t>();
}

std::vector<int64_t> AttentionPlan::pieces(int64_t block, int64_t tasks_per_thread) const {
    int64_t blocks = (shape.Tq + block - 1) / block, heads = std::max<int64_t>(1, shape.B * shape.K), threads = at::get_num_threads();
    int64_t wanted = threads == 1 || heads >= tasks_per_thread * threads ? 1 : (tasks_per_thread * threads + heads - 1) / heads;
    int64_t count = std::min(wanted, blocks);
    auto work = [&](int64_t i) {   // blocks of keys that a block of queries meets, roughly
        int64_t end = shape.causal ? std::min(shape.Tk, (i + 1) * block + shape.offset()) : shape.Tk;
        if (shape.window > 0) end = std::min(end, (shape.causal ? 1 : 2) * shape.window + block);
        return std::max<int64_t>(1, end / AttentionKeys);
    };
    int64_t all = 0, done = 0;
    for (int64_t i = 0; i < blocks; i++) all += work(i);
    std::vector<int64_t> bounds{0};
    for (int64_t i = 0; i < blocks; i++) {
        done += work(i);
        int64_t left = count - (int64_t)bounds.size();   // pieces after this one
        if (left > 0 && (done * count >= all * (int64_t)bounds.size() || blocks - i - 1 <= left)) bounds.push_back(i + 1);
    }
    bounds.push_back(blocks);
    return bounds;
}

}  // namespace tt
