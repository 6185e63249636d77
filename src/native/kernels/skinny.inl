// Products of a few rows with a weight, as decoding has them: the weight is read once, where it lies, at the speed of memory.
#pragma once
#include <algorithm>

#include "vec.h"

namespace tt::TT_NAMESPACE {

// How a vector of the weight is multiplied with one of x, which is packed as numbers of type X.
template <class T> struct Dot {
    using X = float;
    static constexpr int64_t Step = L;   // numbers in a vector
    TT_INLINE vf load_row(const T* p) { return load(p); }
    TT_INLINE vf load_row_part(const T* p, int64_t n) { return load_part(p, n); }
    TT_INLINE vf add(vf sum, vf a, vf b) { return sum + a * b; }
};
#if defined(__AVX512BF16__) && TT_LANES == 16
template <> struct Dot<bf16> {
    using X = bf16;
    static constexpr int64_t Step = 2 * L;
    TT_INLINE vf load_row(const bf16* p) { vf r; std::memcpy(&r, p, sizeof r); return r; }
    TT_INLINE vf load_row_part(const bf16* p, int64_t n) {
        bf16 buffer[Step] = {};
        std::memcpy(buffer, p, n * sizeof(bf16));
        return load_row(buffer);
    }
    TT_INLINE vf add(vf sum, vf a, vf b) { return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b); }
};
#endif
TT_INLINE vf load_packed(const float* p) { return load(p); }
#if TT_DOT
TT_INLINE vf load_packed(const bf16* p) { return Dot<bf16>::load_row(p); }
#endif

// Rows of x that are multiplied together, and rows of the weight with them: their sums and one of each are all in registers. Where all
// do not go at once, fewer rows and more of the weight at a time are faster.
constexpr int64_t SkinnyRows = TT_LANES == 16 ? 8 : 4, SkinnyPart = TT_LANES == 16 ? 6 : 4;
template <int M> constexpr int outputs_at_once() { return std::max(1, std::min(4, (TT_LANES == 16 ? 24 : 12) / M)); }
// What the processor is told to fetch while it multiplies. With one or two rows it waits for memory anyway and fetches best by itself;
// with more, what comes next in each of the streams that it reads, which are far apart then; with more blocks than one, which read the
// same rows of the weight in turn, each a share of the rows after them.
enum class Told { nothing, stream, rows };
constexpr int64_t UntoldRows = 2, StreamAhead = 2048;   // bytes

// x goes in blocks of rows, as even as can be: the first row of a block.
TT_INLINE int64_t blocks_of(int64_t rows) { return rows <= SkinnyRows ? 1 : (rows + SkinnyPart - 1) / SkinnyPart; }
TT_INLINE int64_t block_start(int64_t rows, int64_t block) { return rows * block / blocks_of(rows); }

template <class T> TT_INLINE int64_t packed_depth(int64_t depth) { return (depth + Dot<T>::Step - 1) / Dot<T>::Step * Dot<T>::Step; }

// In a block, a vector of each row after the other; zeros fill up the last. So x is one stream, whatever its strides.
template <class T> static void pack_skinny_typed(const SkinnyView& a, typename Dot<T>::X* to) {
    using D = Dot<T>;
    for (int64_t block = 0; block < blocks_of(a.rows); block++)
        for (int64_t k = 0; k < a.depth; k += D::Step)
            for (int64_t row = block_start(a.rows, block); row < block_start(a.rows, block + 1); row++, to += D::Step) {
                const T* from = at<T>(a.x, row * a.x_row + k);
                vf v = k + D::Step <= a.depth ? D::load_row(from) : D::load_row_part(from, a.depth - k);
                std::memcpy(to, &v, sizeof v);
            }
}
static int64_t skinny_size(const SkinnyView& a) {   // bytes
    TT_BY_TYPE(a.type, T, return a.rows * packed_depth<T>(a.depth) * (int64_t)sizeof(typename Dot<T>::X))
}
static void pack_skinny(const SkinnyView& a, void* to) {
    TT_BY_TYPE(a.type, T, pack_skinny_typed<T>(a, static_cast<typename Dot<T>::X*>(to)))
}

// Keeps the compiler from reading x again for each row of the weight: there are half as many loads as multiplications at best.
#if defined(__x86_64__)
#define TT_IN_REGISTER(u) asm("" : "+v"(u))
#else
#define TT_IN_REGISTER(u)
#endif

// M packed rows of x, from `row` on, with R rows of the weight that are `apart`: this pass of `passes` over them.
template <class T, int M, int R, Told What>
static void skinny_tile(const SkinnyView& a, int64_t row, int64_t output, int64_t apart, int64_t pass, int64_t passes) {
    using D = Dot<T>;
    constexpr int N = (M * R + 3) / 4 * 4;
    const int64_t w_row = apart * a.w_row;
    const T* w = at<T>(a.w, output * a.w_row);
    const char* next = (const char*)(w + R * w_row + a.depth * pass / passes);
    const int64_t share = D::Step * (int64_t)sizeof(T) / passes;
    const auto* x = at<typename D::X>(a.packed, row * packed_depth<T>(a.depth));
    vf s[N] = {};   // every loop over sums is unrolled: one that is not would keep them all in memory
    auto step = [&](const vf (&v)[R]) __attribute__((always_inline)) {   // a call would keep the sums in memory
#pragma GCC unroll 8
        for (int m = 0; m < M; m++, x += D::Step) {
            vf u = load_packed(x);
            TT_IN_REGISTER(u);
#pragma GCC unroll 4
            for (int r = 0; r < R; r++) s[m * R + r] = D::add(s[m * R + r], u, v[r]);
        }
    };
    int64_t k = 0;
    vf v[R];
    for (; k + D::Step <= a.depth; k += D::Step) {
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) {
            const T* from = w + r * w_row + k;
            if (What == Told::stream) __builtin_prefetch((const char*)from + StreamAhead, 0, 3);
            if (What == Told::rows) __builtin_prefetch(next + r * w_row * (int64_t)sizeof(T), 0, 2);
            v[r] = D::load_row(from);
        }
        step(v);
        next += share;
    }
    if (k < a.depth) {
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) v[r] = D::load_row_part(w + r * w_row + k, a.depth - k);
        step(v);
    }
    float sums[N];
#pragma GCC unroll 8
    for (int i = 0; i < N; i += 4) fold_four(s + i, sums + i);
    for (int m = 0; m < M; m++)
        for (int r = 0; r < R; r++) {
            int64_t o = output + r * apart, place = (row + m) * a.y_row + o;
            float y = sums[m * R + r];
            if (a.bias) y += a.bias_type == Type::f32 ? *at<float>(a.bias, o) : to_float(*at<bf16>(a.bias, o));
            if (a.out == Type::f32) *at<float>(a.y, place) = y;
            else { bf16 lanes[L]; store(lanes, splat(y)); *at<bf16>(a.y, place) = lanes[0]; }
        }
}

// Every block of x, M rows or one less, with outputs [first, last): R at a time.
template <class T, int M> static void skinny_outputs(const SkinnyView& a, int64_t first, int64_t last) {
    constexpr int R = outputs_at_once<M>(), Less = std::max(1, M - 1);
    const int64_t tiles = (last - first) / R, blocks = blocks_of(a.rows);
    if (blocks == 1) {
        constexpr Told What = M <= UntoldRows ? Told::nothing : Told::stream;
        for (int64_t i = 0; i < tiles; i++) skinny_tile<T, M, R, What>(a, 0, first + i, tiles, 0, 1);
    }
    for (int64_t i = 0; i < tiles && blocks > 1; i++)
        for (int64_t block = 0; block < blocks; block++) {
            int64_t row = block_start(a.rows, block), output = first + i * R;
            if (block_start(a.rows, block + 1) - row == M) skinny_tile<T, M, R, Told::rows>(a, row, output, 1, block, blocks);
            else skinny_tile<T, Less, R, Told::rows>(a, row, output, 1, block, blocks);
        }
    for (int64_t o = first + tiles * R; o < last; o++)
        for (int64_t block = 0; block < blocks; block++) {
            int64_t row = block_start(a.rows, block);
            if (block_start(a.rows, block + 1) - row == M) skinny_tile<T, M, 1, Told::nothing>(a, row, o, 0, 0, 1);
            else skinny_tile<T, Less, 1, Told::nothing>(a, row, o, 0, 0, 1);
        }
}

template <class T> static void skinny_typed(const SkinnyView& a, int64_t first, int64_t last) {
    const int64_t blocks = blocks_of(a.rows);
    switch ((a.rows + blocks - 1) / blocks) {
        case 1: return skinny_outputs<T, 1>(a, first, last);
        case 2: return skinny_outputs<T, 2>(a, first, last);
        case 3: return skinny_outputs<T, 3>(a, first, last);
        case 4: return skinny_outputs<T, 4>(a, first, last);
#if TT_LANES == 16
        case 5: return skinny_outputs<T, 5>(a, first, last);
        case 6: return skinny_outputs<T, 6>(a, first, last);
        case 7: return skinny_outputs<T, 7>(a, first, last);
        case 8: return skinny_outputs<T, 8>(a, first, last);
#endif
    }
}

static void skinny(const SkinnyView& a, int64_t first, int64_t last) { TT_BY_TYPE(a.type, T, skinny_typed<T>(a, first, last)) }

}  // namespace tt::TT_NAMESPACE
