#include <torch/csrc/autograd/custom_function.h>

#include <array>

#include "tt.h"
#include "attention_cuda.h"
#include "attention_plan.h"
#include "parallel.h"

namespace tt {

void run_rows(const AttentionForward& forward, const KeyPages& pages) {
    const AttentionShape& s = forward.shape;
    const AttentionKernels& kernel = kernels().attention;
    int64_t heads = s.B * s.K, threads = at::get_num_threads(), most = std::max<int64_t>(1, s.Tk / (4 * AttentionKeys));
    if (pages.table) most = 1;   // what a sequence gets does not depend on others
    AttentionRows a{forward, pages, threads == 1 || heads >= 4 * threads ? 1 : std::min(most, (4 * threads + heads - 1) / heads)};
    at::Tensor partial = fresh({heads, a.shares, s.group() * s.Tq, kernel.padded_size(s.D) + RowSums}, at::kFloat);
    a.partial = partial.data_ptr<float>();
    Scratch scratch(kernel.rows_scratch(s), threads);
    auto each = [&](int64_t tasks, int64_t bytes, const auto& f) {   // alone where that is over before others are there
        if (bytes > (64 << 10)) return for_each_task(tasks, f);
        for (int64_t task = 0; task < tasks; task++) f(task, 0);
    };
    each(heads * a.shares, 2 * heads * s.Tk * s.D * (s.type == Type::f32 ? 4 : 2), [&](int64_t task, int64_t worker) {
        int64_t head = task / a.shares;
        kernel.rows(a, head / s.K, head % s.K, task % a.shares, scratch.of(worker));
        if (a.shares == 1) kernel.join_rows(a, head / s.K, head % s.K);
    });
    if (a.shares > 1) each(heads, partial.nbytes(), [&](int64_t head, int64_t) { kernel.join_rows(a, head / s.K, head % s.K); });
}

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using PlanPointer = c10::intrusive_ptr<AttentionPlan>;

thread_local std::string t_computed_by;   // this thread's last attention on CUDA

constexpr int64_t FewQueries = 4;   // so few, without dropout, read the keys where they lie

// f(task, worker) for every head and piece of its queries, the greatest pieces first.
template <class F> void for_pieces(const AttentionShape& s, const std::vector<int64_t>& bounds, const F& f) {
    int64_t heads = s.B * s.K, pieces = (int64_t)bounds.size() - 1;
    for_each_task(heads * pieces, [&](int64_t i, int64_t worker) {
        int64_t piece = pieces - 1 - i / heads, head = i % heads;
        f(AttentionTask{head / s.K, head % s.K, bounds[piece], bounds[piece + 1], piece}, worker);
    });
}

// Rows of q, k and v are contiguous: the output, and the logarithms of the sums.
std::pair<Tensor, Tensor> attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionPlan& plan) {
    const AttentionShape& s = plan.shape;
    Tensor out = fresh({s.B, s.Tq, s.H, s.D}, q.scalar_type()), lse = fresh({s.B, s.H, s.Tq}, at::kFloat);
    AttentionForward a{s, heads_of(q), heads_of(k), heads_of(v), out.data_ptr(), lse.data_ptr<float>()};
    const AttentionKernels& kernel = kernels().attention;
    if (s.Tq <= FewQueries && s.drop_below == 0) run_rows(a, {});
    else {
        Scratch scratch(kernel.forward_scratch(s), at::get_num_threads());
        for_pieces(s, plan.pieces(kernel.query_block, 8), [&](const AttentionTask& task, int64_t worker) {
            kernel.forward(a, task, scratch.of(worker));
        });
    }
    return {out, lse};
}

// Side by side as the projection put q, k and v, or k and v: then split_heads' gradient is already whole.
std::array<Tensor, 3> gradients_of(const Tensor& q, const Tensor& k, const Tensor& v) {
    auto follows = [](const Tensor& a, const Tensor& b) {
        return b.storage().is_alias_of(a.storage()) && a.strides() == b.strides() && a.size(1) == b.size(1) &&
               b.storage_offset() == a.storage_offset() + a.size(2) * a.stride(2);
    };
    at::AutoDispatchBelowADInplaceOrView plain;   // views that keep nothing but the memory
    auto beside = [](const std::vector<Tensor>& parts) {
        int64_t heads = 0, next = 0;
        for (const Tensor& x : parts) heads += x.size(2);
        Tensor all = at::empty({parts[0].size(0), parts[0].size(1), heads, parts[0].size(3)}, parts[0].options());
        std::vector<Tensor> gradients;
        for (const Tensor& x : parts) {
            gradients.push_back(all.narrow(2, next, x.size(2)));
            next += x.size(2);
        }
        return gradients;
    };
    if (!follows(k, v)) return {beside({q})[0], beside({k})[0], beside({v})[0]};
    if (follows(q, k)) { auto all = beside({q, k, v}); return {all[0], all[1], all[2]}; }
    auto both = beside({k, v});
    return {beside({q})[0], both[0], both[1]};
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
    static Tensor forward(AutogradContext* context, const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& bias,
                          const OptionalTensor& distance_bias, const PlanPointer& plan) {
        Tensor q = rows(query), k = rows(key), v = rows(value);
        auto [out, lse] = attend(q, k, v, *plan);
        context->save_for_backward({q, k, v, out, lse, read_again(bias), read_again(distance_bias)});
        context->saved_data["plan"] = c10::IValue::make_capsule(plan);
        context->saved_data["bias_sizes"] = bias ? bias->sizes().vec() : std::vector<int64_t>();
        context->saved_data["bias_type"] = (int64_t)type_or_float(or_undefined(bias));
        context->saved_data["distance_type"] = (int64_t)type_or_float(or_undefined(distance_bias));
        return out;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        refuse_double_backward("attention");
        auto saved = context->get_saved_variables();
        Tensor q = saved[0], k = saved[1], v = saved[2], out = saved[3], lse = saved[4];
        auto plan = c10::static_intrusive_pointer_cast<AttentionPlan>(context->saved_data["plan"].toCapsule());
        const AttentionShape& s = plan->shape;
        const AttentionKernels& kernel = kernels().attention;
        auto bounds = plan->pieces(kernel.query_block, 4);
        auto pieces = (int64_t)bounds.size() - 1;

        Tensor dout = rows(gradients[0].to(q.scalar_type()));
        auto [dq, dk, dv] = gradients_of(q, k, v);
        Tensor dbias, ddistance, partial;
        auto written = [](const Tensor& x) { return GradientView{x.data_ptr(), x.stride(0), x.stride(1), x.stride(2)}; };
        AttentionBackward a{s, heads_of(q), heads_of(k), heads_of(v), heads_of(out), heads_of(dout), lse.data_ptr<float>(), written(dq),
            written(dk), written(dv)};
        a.pieces = pieces;
        if (s.bias && context->needs_input_grad(3)) {
            dbias = at::zeros({s.B, s.H, s.Tq, s.Tk}, lse.options());
            a.dbias = dbias.data_ptr<float>();
        }
        if (s.distance_bias && context->needs_input_grad(s.bias ? 4 : 3)) {
            ddistance = at::zeros({s.B, s.K, pieces, s.group(), s.distance_row()}, lse.options());
            a.ddistance = ddistance.data_ptr<float>() + DistanceMargin;
        }
        if (pieces > 1) {
            partial = at::empty({s.B, s.K, pieces, 2, s.Tk, kernel.padded_size(s.D)}, lse.options());
            a.partial = partial.data_ptr<float>();
        }
        Scratch scratch(kernel.backward_scratch(s, ddistance.defined()), at::get_num_threads());
        for_pieces(s, bounds, [&](const AttentionTask& task, int64_t worker) { kernel.backward(a, task, scratch.of(worker)); });
        if (pieces > 1) for_each_task(s.B * s.K, [&](int64_t head, int64_t) { kernel.join_backward(a, head / s.K, head % s.K); });

        if (dbias.defined())
            dbias = at::sum_to(dbias, context->saved_data["bias_sizes"].toIntVector())
                        .to((at::ScalarType)context->saved_data["bias_type"].toInt());
        if (ddistance.defined())
            ddistance = ddistance.sum(at::IntArrayRef{0, 2}).view({s.H, -1}).narrow(1, DistanceMargin, s.distances())
                            .to((at::ScalarType)context->saved_data["distance_type"].toInt());
        return {dq, dk, dv, dbias, ddistance, Tensor()};
    }
};

void check(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionOptions& o) {
    TORCH_CHECK(query.dim() == 4 && key.dim() == 4 && value.dim() == 4,
                "attention: query, key and value are (batch, time, heads, size), not ", query.sizes(), ", ", key.sizes(), ", ",
                    value.sizes());
    TORCH_CHECK(key.sizes() == value.sizes() && key.size(0) == query.size(0) && key.size(3) == query.size(3) && key.size(2) > 0 &&
                query.size(2) % key.size(2) == 0, "attention: query ", query.sizes(), " does not go with key ", key.sizes(), " and value ",
                    value.sizes());
    TORCH_CHECK(query.scalar_type() == key.scalar_type() && key.scalar_type() == value.scalar_type(),
                "attention: query, key and value differ in type: ", query.scalar_type(), ", ", key.scalar_type(), ", ",
                    value.scalar_type());
    int64_t B = query.size(0), Tq = query.size(1), Tk = key.size(1), H = query.size(2);
    auto expect = [](const OptionalTensor& x, at::IntArrayRef sizes, const char* what) {
        TORCH_CHECK(!x || x->sizes() == sizes, "attention: ", what, " is ", sizes, ", not ", x->sizes());
    };
    TORCH_CHECK(o.window >= 0 && o.soft_cap >= 0, "attention: window and soft_cap are not negative");
    TORCH_CHECK(o.dropout >= 0 && o.dropout <= 1, "attention: dropout is a probability, not ", o.dropout);
    TORCH_CHECK((!o.documents && !o.prefix) || Tq <= Tk, "attention: ", Tq, " queries are not the last of ", Tk, " keys");
    expect(o.key_lengths, {B}, "key_lengths");
    expect(o.key_mask, {B, Tk}, "key_mask");
    expect(o.documents, {B, Tk}, "documents");
    expect(o.prefix, {B}, "prefix");
    expect(o.slopes, {H}, "slopes");
    expect(o.distance_bias, {H, Tq + Tk - 1}, "distance_bias");
}

}  // namespace

Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, AttentionOptions options) {
    for (OptionalTensor* x : {&options.bias, &options.key_lengths, &options.key_mask, &options.documents, &options.prefix, &options.slopes,
                              &options.distance_bias}) *x = present(*x);
    check(query, key, value, options);
    if (options.slopes) {
        Tensor terms = alibi_terms(*options.slopes, query.size(1), key.size(1));
        options.distance_bias = options.distance_bias ? *options.distance_bias + terms : terms;
    }
    if (query.is_meta())
        return shaped(query.sizes(), query.options(), query.scalar_type(), {query, key, value, options.bias, options.distance_bias});
    t_computed_by.clear();
#ifdef TT_HAVE_CUDA
    if (query.is_cuda() && query.numel() > 0 && key.size(1) > 0) {
        const char* why = why_not_libtorch(query, key, options);
        t_computed_by = why ? std::string("our CUDA kernel, not libtorch's: ") + why : "libtorch's kernel";
        if (!why) return attention_by_libtorch(query, key, value, options);
        if (on_device_kernels(query)) return attention_on_device(query, key, value, options);
        t_computed_by = "libtorch's operators with (Tq, Tk) tensors: our CUDA kernel serves float32, float16 and bfloat16, head sizes to "
                        "256, compute capability 8.0 on";
    }
#endif
    if (!on_kernels(query)) return attention_composed(query, key, value, options);
    if (query.numel() == 0 || key.size(1) == 0) return at::zeros_like(query) + 0 * (query.sum() + key.sum() + value.sum());
    auto plan = c10::make_intrusive<AttentionPlan>(query, key, options);
    if (!wants_gradient(query, key, value, or_undefined(options.bias), or_undefined(options.distance_bias)))
        return attend(rows(query), rows(key), rows(value), *plan).first;
    return AttentionFunction::apply(query, key, value, options.bias, options.distance_bias, plan);
}

}  // namespace tt

extern "C" const char* tt_attention_kernel(void) { return tt::t_computed_by.c_str(); }
