#include "attention_cuda.h"
#include "parallel.h"

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

// query (N, H, D); keys and values (P page, K, D); pages (N, M), which hold a sequence's positions in order; lengths (N), its own included.
Tensor paged_attention(const Tensor& query, const Tensor& keys, const Tensor& values, const Tensor& pages, const Tensor& lengths,
                       int64_t page, const OptionalTensor& bias, int64_t window, double scale, double soft_cap) {
    TORCH_CHECK(query.dim() == 3 && keys.dim() == 3 && keys.sizes() == values.sizes() && query.size(2) == keys.size(2) &&
                query.size(1) % keys.size(1) == 0, "paged_attention: query ", query.sizes(), " does not go with keys ", keys.sizes());
    TORCH_CHECK(query.scalar_type() == keys.scalar_type() && keys.scalar_type() == values.scalar_type(), "paged_attention: types differ");
    TORCH_CHECK(keys.is_contiguous() && values.is_contiguous(), "paged_attention: keys and values are contiguous");
    TORCH_CHECK(pages.dim() == 2 && pages.size(0) == query.size(0) && lengths.numel() == query.size(0), "paged_attention: pages ",
                pages.sizes(), " and lengths ", lengths.sizes(), " do not go with query ", query.sizes());
    if (query.is_meta()) return at::empty(query.sizes(), query.options());
#ifdef TT_HAVE_CUDA
    if (on_device_kernels(query) && keys.device() == query.device()) {
        if (query.size(0) == 0) return at::empty_like(query);
        return paged_attention_on_device(query, keys, values, pages, lengths, page, bias, window, scale, soft_cap);
    }
#endif
    if (!on_kernels(query)) return paged_attention_composed(query, keys, values, pages, lengths, page, bias, window, scale, soft_cap);
    Tensor q = query.stride(2) == 1 && query.stride(1) == query.size(2) ? query : query.contiguous();
    Tensor table = pages.to(at::kLong).contiguous(), counts = lengths.to(at::kLong).contiguous(), wide;
    PagedView a;
    a.type = kernel_type(q);
    a.H = q.size(1); a.K = keys.size(1); a.D = q.size(2); a.page = page; a.pages = table.size(1);
    a.window = window; a.scale = (float)scale; a.soft_cap = (float)soft_cap;
    int64_t N = q.size(0), longest = N ? counts.max().item<int64_t>() : 0, slots = keys.size(0) / page;
    TORCH_CHECK(longest <= a.pages * page, "paged_attention: a sequence of ", longest, " positions in ", a.pages, " pages of ", page);
    TORCH_CHECK(!N || (table.min().item<int64_t>() >= 0 && table.max().item<int64_t>() < slots), "paged_attention: no such page");
    if (bias && bias->defined()) {   // (1 or N, H, 1, longest or more)
        TORCH_CHECK(bias->dim() == 4 && bias->size(3) >= longest, "paged_attention: bias ", bias->sizes());
        wide = bias->to(at::kFloat).contiguous();
        a.bias = wide.data_ptr<float>();
        a.bias_head = wide.size(1) == 1 ? 0 : wide.stride(1);
        a.bias_row = wide.size(0) == 1 ? 0 : wide.stride(0);
    }
    Tensor out = at::empty({N, a.H, a.D}, q.options());
    a.query = q.data_ptr(); a.query_row = q.stride(0);
    a.keys = keys.data_ptr(); a.values = values.data_ptr(); a.out = out.data_ptr();
    a.table = table.data_ptr<int64_t>(); a.lengths = counts.data_ptr<int64_t>();

    const Kernels& kernel = kernels();
    Scratch scratch(kernel.paged_scratch(a), at::get_num_threads());
    for_each_task(N * a.K, [&](int64_t task, int64_t worker) {
        kernel.paged_attention(a, task / a.K, task % a.K, scratch.of(worker));
    });
    return out;
}

}  // namespace tt
