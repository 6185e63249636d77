// What the attention kernels for GPUs are told, and the launches that host code makes of them.
#pragma once
#include "attention.h"

namespace tt {

constexpr int CodeBlock = 32;           // keys or queries of which least and greatest code are known
constexpr int HiddenCode = INT32_MIN;   // of a key that nobody sees

// query (B, Tq, H, D), key and value (B, Tk, K, D), as in AttentionShape; a key head's `group` query heads lie side by side. Pointers are
// to the device's memory. Strides and sizes of tensors are in elements.
struct DeviceAttention {
    int B = 0, Tq = 0, Tk = 0, H = 0, K = 0, D = 0, group = 1;
    bool causal = false;
    int window = 0;
    float scale = 1, soft_cap = 0;
    HeadsView q, k, v, dout;
    bool vectors = false;                   // rows of these can be read 16 bytes at a time

    // Keys are seen by queries of the same code: a document's, or 0. (B, Tk) and (B, Tq); in pairs, the least and greatest of each block
    // of keys that are seen, and of queries.
    const int *key_codes = nullptr, *query_codes = nullptr, *key_blocks = nullptr, *query_blocks = nullptr;
    const int64_t* prefix = nullptr;        // (B)
    const int64_t* lengths = nullptr;       // (B): keys of a sequence, whose last are the queries' own; Tk where none
    const int64_t* ends = nullptr;          // (B): keys from there on are hidden, and not read; or none
    const int64_t* table = nullptr;         // (B, pages): keys lie in pages of so many; or none
    int page = 0, pages = 0;

    const float* distance_bias = nullptr;   // (H, Tq + Tk - 1)
    const void* bias = nullptr;             // (B, H, Tq, Tk) by strides
    int bias_type = 0;                      // 0: float, 1: half, 2: bfloat16
    int64_t bias_strides[4] = {0, 0, 0, 0};

    uint32_t drop_below = 0;
    float keep_scale = 1;
    uint64_t seed = 0, offset = 0;          // of this call's random numbers
    const int64_t *seed_at = nullptr, *offset_at = nullptr;   // in a captured graph: seed, and what each replay adds to offset

    void* out = nullptr;                    // (B, Tq, H, D)
    float* lse = nullptr;                   // (B, H, Tq)
    int splits = 1;                         // of a row's keys among blocks, whose parts are joined
    float* parts = nullptr;                 // (splits, B, H, Tq, D + 1): quotients, then log of the sum of exponentials, base 2

    float* delta = nullptr;                 // (B, H, Tq): sum of dO O
    void *dq = nullptr, *dk = nullptr, *dv = nullptr;
    float* dbias = nullptr;                 // of the bias's own sizes, contiguous; its last is Tk
    bool bias_batch = false, bias_head = false, bias_query = false;   // which of B, H, Tq it has of its own
    float* ddistance = nullptr;             // (H, distances)
    float* diagonals = nullptr;             // (H, diagonals, width of one): room for its parts
};

// What codes are made from; each may be absent.
struct DeviceMasks {
    int B = 0, Tq = 0, Tk = 0;
    const int64_t* documents = nullptr;   // (B, Tk)
    const bool* key_mask = nullptr;       // (B, Tk)
    int *key_codes = nullptr, *query_codes = nullptr, *key_blocks = nullptr, *query_blocks = nullptr;
};
void launch_attention_codes(const DeviceMasks&);

// T: float, c10::Half, c10::BFloat16. Head sizes to 256.
template <class T> struct DeviceKernels {
    static int key_block(int head_size);                    // keys that forward takes at a time
    static int64_t diagonal_floats(const DeviceAttention&); // room for DeviceAttention::diagonals
    static void forward(const DeviceAttention&);            // and joins the splits
    static void backward(const DeviceAttention&);           // all gradients whose places are given
};

}  // namespace tt
