// From products of queries and keys to scores on a GPU: who sees whom, what is added, which weights are dropped. Scores are in powers of
// two: log2(e) times those of the mathematics.
#pragma once
#include "attention_device.h"
#include "device.cuh"

namespace tt::device {

constexpr float Log2E = 1.44269504f, Ln2 = 0.693147181f;
__device__ __forceinline__ float infinity() { return __int_as_float(0x7f800000); }

// Queries of one sequence that share keys: number p is query p / group of head first_head + p % group.
struct Sight {
    int b, first_head, group, keys, offset, prefix;   // keys: those from there on are hidden; offset: the place of query 0
    __device__ int packed(const DeviceAttention& a) const { return a.Tq * group; }
};
__device__ __forceinline__ Sight sight_of(const DeviceAttention& a, int b, int first_head, int group) {
    auto within = [](const int64_t* of, int b, int most) { return of ? (int)min(max(of[b], (int64_t)0), (int64_t)most) : most; };
    const int all = within(a.lengths, b, a.Tk);
    return {b, first_head, group, within(a.ends, b, all), all - a.Tq, within(a.prefix, b, a.prefix ? a.Tk : 0)};
}

struct Range { int first, last; };   // [first, last)

// The keys that any of the queries [first, last] sees by position.
__device__ __forceinline__ Range seen_keys(const DeviceAttention& a, const Sight& s, int first, int last) {
    Range r{0, s.keys};
    if (a.causal) r.last = min(r.last, max(last + s.offset + 1, s.prefix));
    else if (a.window > 0) r.last = min(r.last, last + s.offset + a.window);
    if (a.window > 0) r.first = max(0, first + s.offset - a.window + 1);
    return r;
}
// The queries that see any of the keys [first, last].
__device__ __forceinline__ Range seeing_queries(const DeviceAttention& a, const Sight& s, int first, int last) {
    Range r{0, a.Tq};
    if (a.causal) r.first = first < s.prefix ? 0 : max(0, first - s.offset);
    else if (a.window > 0) r.first = max(0, first - s.offset - a.window + 1);
    if (a.window > 0) r.last = min(r.last, last - s.offset + a.window);
    return r;
}

// Least and greatest code among [first, last] of a sequence of `count`; of whole blocks, so it may be wider.
__device__ __forceinline__ Range codes_of(const int* blocks, int b, int count, int first, int last) {
    const int* pairs = blocks + 2 * (int64_t)b * ((count + CodeBlock - 1) / CodeBlock);
    Range r{INT32_MAX, INT32_MIN};
    for (int i = first / CodeBlock; i <= last / CodeBlock; i++) r = {min(r.first, pairs[2 * i]), max(r.last, pairs[2 * i + 1])};
    return r;
}
__device__ __forceinline__ bool apart(Range x, Range y) { return x.last < y.first || y.last < x.first; }

// Whether position hides any of the keys [k, k_last] from any of the queries [q, q_last], or they are not all there.
__device__ __forceinline__ bool cut_by_position(const DeviceAttention& a, const Sight& s, int q, int q_last, int k, int k_last) {
    return k_last >= s.keys || q_last >= a.Tq || (a.causal && k_last > q + s.offset) ||
        (a.window > 0 && (q_last + s.offset - k >= a.window || (!a.causal && k_last - q - s.offset >= a.window)));
}

// A query as scores need it; lse in powers of two, infinite where the query sees nothing, so that weights are 0.
struct Query {
    int q, h, code;
    float lse, delta;
};
template <bool Backward> __device__ __forceinline__ Query query_of(const DeviceAttention& a, const Sight& s, int p) {
    Query x{p / s.group, s.first_head + p % s.group, 0, infinity(), 0};
    if (x.q >= a.Tq) return x;
    if (a.query_codes) x.code = a.query_codes[(int64_t)s.b * a.Tq + x.q];
    if constexpr (Backward) {
        const int64_t at = ((int64_t)s.b * a.H + x.h) * a.Tq + x.q;
        const float lse = a.lse[at];
        x.lse = lse == -infinity() ? infinity() : lse * Log2E;
        x.delta = a.delta[at];
    }
    return x;
}

__device__ __forceinline__ float bias_at(const DeviceAttention& a, int64_t i) {
    if (a.bias_type == 0) return static_cast<const float*>(a.bias)[i];
    return a.bias_type == 1 ? to_float(static_cast<const Half*>(a.bias)[i]) : to_float(static_cast<const BFloat16*>(a.bias)[i]);
}

// Whether scores are products times a factor, where position hides nothing.
__device__ __forceinline__ bool are_plain(const DeviceAttention& a) {
    return !a.key_codes && a.soft_cap == 0 && !a.distance_bias && !a.bias;
}

// cut: whether position may hide the key, or it or the query is not there. slope: of the soft cap.
__device__ __forceinline__ float score(const DeviceAttention& a, const Sight& s, const Query& x, int k, bool cut, float product,
                                       float& slope) {
    if (cut) {
        if (k >= s.keys || x.q >= a.Tq) return -infinity();
        const int behind = x.q + s.offset - k;
        if (a.causal ? behind < 0 && k >= s.prefix : a.window > 0 && behind <= -a.window) return -infinity();
        if (a.window > 0 && behind >= a.window) return -infinity();
    }
    if (a.key_codes && a.key_codes[(int64_t)s.b * a.Tk + k] != x.code) return -infinity();
    float y = product * a.scale;
    if (a.soft_cap > 0) {
        const float t = tanhf(y / a.soft_cap);
        slope = 1 - t * t;
        y = t * a.soft_cap;
    }
    if (a.distance_bias) y += a.distance_bias[(int64_t)x.h * (a.Tq + a.Tk - 1) + x.q - k + a.Tk - 1];
    if (a.bias)
        y += bias_at(a, s.b * a.bias_strides[0] + x.h * a.bias_strides[1] + x.q * a.bias_strides[2] + k * a.bias_strides[3]);
    return y * Log2E;
}

// philox.h's random numbers: eight of 16 bits for eight neighbouring keys of a query.
__device__ __forceinline__ uint4 philox(uint64_t seed, unsigned query, unsigned octet, unsigned head) {
    uint4 x = make_uint4(query, octet, head, 0);
    unsigned key0 = (unsigned)seed, key1 = (unsigned)(seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++, key0 += 0x9E3779B9u, key1 += 0xBB67AE85u) {
        const unsigned high0 = __umulhi(x.x, 0xD2511F53u), low0 = x.x * 0xD2511F53u;
        const unsigned high1 = __umulhi(x.z, 0xCD9E8D57u), low1 = x.z * 0xCD9E8D57u;
        x = make_uint4(high1 ^ x.y ^ key0, low1, high0 ^ x.w ^ key1, low0);
    }
    return x;
}
__device__ __forceinline__ uint64_t seed_of(const DeviceAttention& a) {
    const uint64_t seed = a.seed_at ? (uint64_t)*a.seed_at : a.seed, offset = a.offset + (a.offset_at ? (uint64_t)*a.offset_at : 0);
    return seed ^ offset * 0x9E3779B97F4A7C15ull;
}
// The numbers of keys 2 pair and 2 pair + 1 of an octet, in the low and the high half.
__device__ __forceinline__ unsigned random_pair(const DeviceAttention& a, const Sight& s, uint64_t seed, const Query& x, int octet,
                                                int pair) {
    const uint4 numbers = philox(seed, x.q, octet, s.b * a.H + x.h);
    return pair < 2 ? (pair == 0 ? numbers.x : numbers.y) : (pair == 2 ? numbers.z : numbers.w);
}
__device__ __forceinline__ float keep(const DeviceAttention& a, unsigned number) { return number < a.drop_below ? 0.0f : a.keep_scale; }

}  // namespace tt::device
