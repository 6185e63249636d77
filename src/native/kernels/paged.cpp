#include <algorithm>

#include "attention_cuda.h"
#include "attention_plan.h"

namespace tt {

using at::Tensor;

// Where no kernel of ours serves: each sequence's pages side by side, (N, M page, K, D).
static Tensor paged_attention_composed(const Tensor& query, const Tensor& keys, const Tensor& values, const Tensor& pages,
                                       const Tensor& lengths, int64_t page, const OptionalTensor& bias, int64_t window, double scale,
                                       double soft_cap) {
    const int64_t N = query.size(0), width = pages.size(1) * page;
    auto beside = [&](const Tensor& x) {
        Tensor by_page = x.view({x.size(0) / page, page * x.size(1) * x.size(2)});
        return by_page.index_select(0, pages.flatten().to(x.device(), at::kLong)).view({N, width, x.size(1), x.size(2)});
    };
    AttentionOptions options;
    Tensor counts = lengths.to(query.device(), at::kLong).view({N, 1}), places = at::arange(width, counts.options());
    options.key_mask = places < counts;
    if (window > 0) options.key_mask = options.key_mask->logical_and(places >= counts - window);
    if (present(bias)) options.bias = at::constant_pad_nd(*bias, {0, std::max<int64_t>(0, width - bias->size(3))}).narrow(3, 0, width);
    options.scale = scale; options.soft_cap = soft_cap;
    return attention(query.unsqueeze(1), beside(keys), beside(values), options).squeeze(1);
}

// query (N, H, D), or (1, N, H, D); keys and values (P page, K, D); pages (N, M), which hold a sequence's positions in order; lengths (N),
// its own included.
Tensor paged_attention(const Tensor& query, const Tensor& keys, const Tensor& values, const Tensor& pages, const Tensor& lengths,
                       int64_t page, const OptionalTensor& bias, int64_t window, double scale, double soft_cap) {
    if (query.dim() == 4 && query.size(0) == 1)
        return paged_attention(query.squeeze(0), keys, values, pages, lengths, page, bias, window, scale, soft_cap).unsqueeze(0);
    TORCH_CHECK(query.dim() == 3 && keys.dim() == 3 && keys.sizes() == values.sizes() && query.size(2) == keys.size(2) &&
                query.size(1) % keys.size(1) == 0, "paged_attention: query ", query.sizes(), " does not go with keys ", keys.sizes());
    TORCH_CHECK(query.scalar_type() == keys.scalar_type() && keys.scalar_type() == values.scalar_type(), "paged_attention: types differ");
    TORCH_CHECK(keys.is_contiguous() && values.is_contiguous(), "paged_attention: keys and values are contiguous");
    TORCH_CHECK(pages.dim() == 2 && pages.size(0) == query.size(0) && lengths.numel() == query.size(0), "paged_attention: pages ",
                pages.sizes(), " and lengths ", lengths.sizes(), " do not go with query ", query.sizes());
    if (query.is_meta()) return at::empty(query.sizes(), query.options());
    if (query.numel() == 0) return at::empty_like(query);
#ifdef TT_HAVE_CUDA
    if (on_device_kernels(query) && keys.device() == query.device()) {
        return paged_attention_on_device(query, keys, values, pages, lengths, page, bias, window, scale, soft_cap);
    }
#endif
    if (!on_kernels(query)) return paged_attention_composed(query, keys, values, pages, lengths, page, bias, window, scale, soft_cap);
    Tensor q = rows(query).unsqueeze(1);   // (N, 1, H, D)
    Tensor table = pages.to(at::kLong).contiguous(), counts = lengths.to(at::kLong).contiguous();
    int64_t N = q.size(0), slots = keys.size(0) / page;
    std::vector<int32_t> first(N), end(N);
    for (int64_t n = 0; n < N; n++) {
        const int64_t length = counts.data_ptr<int64_t>()[n];
        TORCH_CHECK(length <= table.size(1) * page, "paged_attention: a sequence of ", length, " positions in ", table.size(1),
                    " pages of ", page);
        end[n] = (int32_t)length;
        first[n] = window > 0 ? (int32_t)std::max<int64_t>(0, length - window) : 0;
    }
    auto [least, greatest] = std::minmax_element(table.data_ptr<int64_t>(), table.data_ptr<int64_t>() + table.numel());
    TORCH_CHECK(table.numel() > 0 && *least >= 0 && *greatest < slots, "paged_attention: no such page");
    AttentionShape s;
    s.type = kernel_type(q); s.B = N; s.Tq = 1; s.Tk = *std::max_element(end.begin(), end.end());
    s.H = q.size(2); s.K = keys.size(1); s.D = q.size(3); s.scale = (float)scale; s.soft_cap = (float)soft_cap;
    s.first_key = first.data(); s.end_key = end.data();
    Tensor wide, out = fresh({N, s.H, s.D}, q.scalar_type()), lse = fresh({N, s.H}, at::kFloat);
    if (present(bias)) {   // (1 or N, 1 or H, 1, longest or more)
        TORCH_CHECK(bias->dim() == 4 && bias->size(3) >= s.Tk && bias->size(2) == 1 && (bias->size(1) == 1 || bias->size(1) == s.H) &&
                    (bias->size(0) == 1 || bias->size(0) == N), "paged_attention: bias ", bias->sizes());
        wide = bias->to(at::kFloat);
        s.bias = wide.data_ptr<float>();
        for (int64_t i = 0; i < 4; i++) s.bias_strides[i] = wide.size(i) == 1 ? 0 : wide.stride(i);
    }
    HeadsView k = heads_of(keys.unsqueeze(0)), v = heads_of(values.unsqueeze(0));
    run_rows({s, heads_of(q), k, v, out.data_ptr(), lse.data_ptr<float>()}, {table.data_ptr<int64_t>(), table.size(1), page});
    return out;
}

}  // namespace tt
