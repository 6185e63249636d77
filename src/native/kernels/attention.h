// What the attention kernels are told, on raw memory.
#pragma once
#include <cstdint>

#include "types.h"

namespace tt {

constexpr int64_t AttentionKeys = 64;   // keys of a block, on every instruction set
constexpr int64_t DistanceMargin = 128; // before and after a row of terms by distance: whole vectors may reach out
constexpr int64_t RowSums = 16;         // beside an unfinished row of output: its maximum and sum

// Strides in elements; the last dimension is contiguous.
struct HeadsView {
    const void* data = nullptr;
    int64_t batch = 0, time = 0, head = 0;
};

struct GradientView {
    void* data = nullptr;
    int64_t batch = 0, time = 0, head = 0;
};

// query (B, Tq, H, D), key and value (B, Tk, K, D); H = group * K. Query i stands at position i + (Tk - Tq). Masked scores do not exist:
// a row without keys gives zeros.
struct AttentionShape {
    Type type = Type::f32;
    int64_t B = 0, Tq = 0, Tk = 0, H = 0, K = 0, D = 0;
    bool causal = false;
    int64_t window = 0;                     // 0: unlimited; symmetric where not causal
    float scale = 1, soft_cap = 0;          // 0: none
    const int32_t* first_key = nullptr;     // (B): keys before it are hidden; or none
    const int32_t* end_key = nullptr;       // (B): keys from it on are hidden; or none
    const int32_t* prefix = nullptr;        // (B): keys before it are seen although they come later; or none
    const float* key_terms = nullptr;       // (B, Tk): -inf where a key is hidden, else 0; or none
    const int32_t* documents = nullptr;     // (B, Tk): a query sees keys of its own document; or none
    const int32_t* block_documents = nullptr;   // (B, blocks of keys, 2): least and greatest in each
    const float* distance_bias = nullptr;   // (H) rows, from its margin: by query position - key + Tq - 1; or none
    int64_t distance_row() const { return distances() + 2 * DistanceMargin; }
    const float* bias = nullptr;            // (B, H, Tq, Tk) by strides, 0 where broadcast; or none
    int64_t bias_strides[4] = {0, 0, 0, 0};
    uint32_t drop_below = 0;                // of 65536: weights whose random number is less are dropped; 0: none
    float keep_scale = 1;                   // what the others are multiplied by
    uint64_t seed = 0;

    int64_t offset() const { return Tk - Tq; }
    int64_t group() const { return H / K; }
    int64_t distances() const { return Tq + Tk - 1; }
};

struct AttentionForward {
    AttentionShape shape;
    HeadsView q, k, v;
    void* out = nullptr;                    // (B, Tq, H, D)
    float* lse = nullptr;                   // (B, H, Tq): log of the sum of exponentials, -inf where there is no key
};

struct AttentionBackward {
    AttentionShape shape;
    HeadsView q, k, v, out, dout;
    const float* lse = nullptr;
    GradientView dq, dk, dv;                // as q, k, v are shaped
    float* dbias = nullptr;                 // (B, H, Tq, Tk), zeroed, or none
    int64_t pieces = 1;                     // in which the queries of a head are shared out; each sums gradients of its own
    float* partial = nullptr;               // (B, K, pieces, 2, Tk, padded D) where there are several
    float* ddistance = nullptr;             // (B, K, pieces, group) rows, zeroed; or none
};

// Blocks [first, last) of queries of the heads that share one key head: a task.
struct AttentionTask { int64_t b, key_head, first, last, piece; };

// Keys and values (P page, K, D) in pages (Kwon et al., 2023): where a sequence's stand, in order.
struct KeyPages {
    const int64_t* table = nullptr;         // (B, pages); or none: keys and values lie as their strides say
    int64_t pages = 0, page = 0;            // a sequence's, and positions of each
};

// Few queries against many keys: one share [first, last) of the keys, whose sums join later.
struct AttentionRows {
    AttentionForward forward;
    KeyPages pages;
    int64_t shares = 1;
    float* partial = nullptr;               // (B, K, shares, group * Tq, padded D + RowSums): not yet divided
};

// Scratch sizes in floats.
struct AttentionKernels {
    int64_t query_block;
    bool dot_products;                      // of bf16 pairs
    int64_t (*padded_size)(int64_t size);
    int64_t (*forward_scratch)(const AttentionShape&);
    void (*forward)(const AttentionForward&, const AttentionTask&, float* scratch);
    int64_t (*backward_scratch)(const AttentionShape&, bool distance_gradient);
    void (*backward)(const AttentionBackward&, const AttentionTask&, float* scratch);
    void (*join_backward)(const AttentionBackward&, int64_t b, int64_t key_head);
    int64_t (*rows_scratch)(const AttentionShape&);
    void (*rows)(const AttentionRows&, int64_t b, int64_t key_head, int64_t share, float* scratch);
    void (*join_rows)(const AttentionRows&, int64_t b, int64_t key_head);
};

}  // namespace tt
