// Products with weights of 8 or 4 bits. A weight is stored in blocks of 16 outputs: words of 32 bits, one for each output of the block,
// hold 4 or 8 consecutive inputs, and each group of inputs has a scale for each output (bf16). In a word of 4-bit weights the low halves
// of its bytes come first. So lanes are outputs, and nothing is summed across them.
#pragma once
#include <algorithm>

#include "vec.h"
#if defined(__AVX512VNNI__)
#include <immintrin.h>
#endif

namespace tt::TT_NAMESPACE {

constexpr int64_t QB = 16;           // outputs of a block
constexpr int NQ = QB / TT_LANES;    // vectors of them

TT_INLINE vi load_words(const int32_t* p) { vi r; std::memcpy(&r, p, sizeof r); return r; }

// The j-th weights of words, signed, as floats.
template <int Bits> TT_INLINE vf unpack(vi words, int j) {
    int place = Bits == 8 ? 8 * j : j < 4 ? 8 * j : 8 * (j - 4) + 4;
    return __builtin_convertvector((words << (32 - Bits - place)) >> (32 - Bits), vf);
}

// M rows of x with one block of outputs, from floats. On every instruction set, and exact but for rounding.
template <int Bits, int M> static void quantized_tile(const QuantizedView& a, int64_t row, int64_t block, float* y) {
    constexpr int64_t PerWord = 32 / Bits;
    const int64_t words = a.group / PerWord;
    const int32_t* w = a.weight + block * a.groups * words * QB;
    const bf16* scales = at<bf16>(a.scales, block * a.groups * QB);
    const float* x = a.x + row * a.x_row;
    vf total[M][NQ] = {};
    for (int64_t g = 0; g < a.groups; g++, w += words * QB, scales += QB, x += a.group) {
        vf s[M][NQ] = {};
        for (int64_t k = 0; k < words; k++)
#pragma GCC unroll 4
            for (int n = 0; n < NQ; n++) {
                vi v = load_words(w + k * QB + n * L);
#pragma GCC unroll 8
                for (int j = 0; j < PerWord; j++) {
                    vf u = unpack<Bits>(v, j);
#pragma GCC unroll 8
                    for (int m = 0; m < M; m++) s[m][n] += u * x[m * a.x_row + k * PerWord + j];
                }
            }
#pragma GCC unroll 8
        for (int m = 0; m < M; m++)
#pragma GCC unroll 4
            for (int n = 0; n < NQ; n++) total[m][n] += s[m][n] * load(scales + n * L);
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; m++)
#pragma GCC unroll 4
        for (int n = 0; n < NQ; n++) store(y + m * QB + n * L, total[m][n]);
}

#if defined(__AVX512VNNI__) && TT_LANES == 16
constexpr bool UsesHalves = true;

// The same with x in 16 bits, high and low byte apart, and integer products: weights are moved to be positive, which x's sums undo. R
// blocks that are `apart` go together: as many streams from memory, and x is read once for all.
template <int Bits, int M, int R>
static void quantized_tile_vnni(const QuantizedView& a, int64_t row, int64_t block, int64_t apart, float* y) {
    constexpr int64_t PerWord = 32 / Bits;
    constexpr int Halves = 8 / Bits;
    const int64_t words = a.group / PerWord, wide = a.groups * a.group;
    const int64_t next = a.groups * words * QB, w_apart = apart * next, scales_apart = apart * a.groups * QB;
    const int32_t* w = a.weight + block * next;
    const bf16* scales = at<bf16>(a.scales, block * a.groups * QB);
    const int32_t move = (int32_t)(Bits == 8 ? 0x80808080u : 0x88888888u);
    vf total[R][M] = {};
    for (int64_t g = 0; g < a.groups; g++, w += words * QB, scales += QB) {
        const int8_t *high = a.high + row * wide + g * a.group, *rest = a.low + row * wide + g * a.group;
        vi sh[R][M] = {}, sl[R][M] = {};
        for (int64_t k = 0; k < words; k++) {
            vi v[R];
#pragma GCC unroll 4
            for (int r = 0; r < R; r++) v[r] = load_words(w + r * w_apart + k * QB) ^ move;
            if (R == 1) __builtin_prefetch(w + k * QB + next, 0, 2);   // what the next block reads
#pragma GCC unroll 2
            for (int half = 0; half < Halves; half++)
#pragma GCC unroll 8
                for (int m = 0; m < M; m++) {
                    int32_t h, l;
                    std::memcpy(&h, high + m * wide + k * PerWord + 4 * half, 4);
                    std::memcpy(&l, rest + m * wide + k * PerWord + 4 * half, 4);
                    __m512i xh = _mm512_set1_epi32(h), xl = _mm512_set1_epi32(l);
#pragma GCC unroll 4
                    for (int r = 0; r < R; r++) {
                        vi u = Bits == 8 ? v[r] : (half ? v[r] >> 4 : v[r]) & 0x0f0f0f0f;
                        sh[r][m] = (vi)_mm512_dpbusd_epi32((__m512i)sh[r][m], (__m512i)u, xh);
                        sl[r][m] = (vi)_mm512_dpbusd_epi32((__m512i)sl[r][m], (__m512i)u, xl);
                    }
                }
        }
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            const float* unit = a.units + 2 * ((row + m) * a.groups + g);
            int32_t moved;
            std::memcpy(&moved, unit + 1, 4);
#pragma GCC unroll 4
            for (int r = 0; r < R; r++)
                total[r][m] += __builtin_convertvector(sh[r][m] * 256 + sl[r][m] - moved, vf) * (load(scales + r * scales_apart) * unit[0]);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) store(y + (r * M + m) * QB, total[r][m]);
}
#else
constexpr bool UsesHalves = false;
#endif

// Writes rows of a block's outputs.
static void quantized_out(const QuantizedView& a, int64_t row, int64_t rows, int64_t block, const float* y) {
    const int64_t output = block * QB, count = std::min(QB, a.outputs - output);
    for (int64_t m = 0; m < rows; m++)
        for (int64_t i = 0; i < count; i += L) {
            vf v = load(y + m * QB + i);
            if (a.bias) v += load_part(a.bias + output + i, count - i);
            int64_t place = (row + m) * a.outputs + output + i;
            TT_BY_TYPE(a.out, T, store_part(at<T>(a.y, place), v, count - i))
        }
}

// M rows of x with R blocks that are `apart`.
template <int Bits, int M, int R> static void quantized_rows(const QuantizedView& a, int64_t row, int64_t block, int64_t apart) {
    float y[R * M * QB];
#if defined(__AVX512VNNI__) && TT_LANES == 16
    quantized_tile_vnni<Bits, M, R>(a, row, block, apart, y);
#else
    for (int r = 0; r < R; r++) quantized_tile<Bits, M>(a, row, block + r * apart, y + r * M * QB);
#endif
    for (int r = 0; r < R; r++) quantized_out(a, row, M, block + r * apart, y + r * M * QB);
}

// Many rows, as a prompt has them: a group's weights become floats once for all of them, and sums are as in quantized_tile.
constexpr int MostTogether = 12 / NQ;   // rows whose sums stay in registers
constexpr int64_t MostRows = 96;        // and so many of x in the second cache

// M rows of x with the weights (group, 16), added to totals.
template <int M>
static void quantized_group(const float* x, int64_t x_row, int64_t group, const float* w, const bf16* scales, float* totals) {
    vf s[M][NQ] = {};
    for (int64_t k = 0; k < group; k++) {
        vf v[NQ];
#pragma GCC unroll 4
        for (int n = 0; n < NQ; n++) v[n] = load(w + k * QB + n * L);
#pragma GCC unroll 12
        for (int m = 0; m < M; m++) {
            vf one = splat(x[m * x_row + k]);
#pragma GCC unroll 4
            for (int n = 0; n < NQ; n++) s[m][n] += v[n] * one;
        }
    }
#pragma GCC unroll 12
    for (int m = 0; m < M; m++)
#pragma GCC unroll 4
        for (int n = 0; n < NQ; n++) {
            float* total = totals + m * QB + n * L;
            store(total, load(total) + s[m][n] * load(scales + n * L));
        }
}
template <int M, class... Rest> TT_INLINE void quantized_group_of(int64_t rows, Rest... rest) {
    if (rows == M) quantized_group<M>(rest...);
    else if constexpr (M > 1) quantized_group_of<M - 1>(rows, rest...);
}

template <int Bits> static void quantized_many(const QuantizedView& a, int64_t first, int64_t count, int64_t block) {
    constexpr int64_t PerWord = 32 / Bits;
    const int64_t words = a.group / PerWord, tiles = (count + MostTogether - 1) / MostTogether, together = (count + tiles - 1) / tiles;
    const int32_t* w = a.weight + block * a.groups * words * QB;
    const bf16* scales = at<bf16>(a.scales, block * a.groups * QB);
    float u[128 * QB], totals[MostRows * QB] = {};
    for (int64_t g = 0; g < a.groups; g++, w += words * QB, scales += QB) {
        for (int64_t k = 0; k < words; k++)
#pragma GCC unroll 4
            for (int n = 0; n < NQ; n++) {
                vi v = load_words(w + k * QB + n * L);
#pragma GCC unroll 8
                for (int j = 0; j < PerWord; j++) store(u + (k * PerWord + j) * QB + n * L, unpack<Bits>(v, j));
            }
        for (int64_t row = 0; row < count; row += together)
            quantized_group_of<MostTogether>(std::min(together, count - row), a.x + (first + row) * a.x_row + g * a.group, a.x_row, a.group,
                                             (const float*)u, scales, totals + row * QB);
    }
    quantized_out(a, first, count, block, totals);
}

// One row or two with 8 bits leave the processor waiting for memory, which it reads faster from two far apart places; 4 bits keep it busy.
template <int M> static void quantized_far(const QuantizedView& a, int64_t first, int64_t last) {
    const int64_t apart = (last - first) / 2;
    for (int64_t block = first; block < first + apart; block++) quantized_rows<8, M, 2>(a, 0, block, apart);
    if (first + 2 * apart < last) quantized_rows<8, M, 1>(a, 0, last - 1, 0);
}

template <int Bits> static void quantized_blocks(const QuantizedView& a, int64_t first, int64_t last) {
    if (Bits == 8 && a.rows == 1) return quantized_far<1>(a, first, last);
    if (Bits == 8 && a.rows == 2) return quantized_far<2>(a, first, last);
    if (!UsesHalves && a.rows > 4) {
        for (int64_t row = 0; row < a.rows; row += MostRows)
            for (int64_t block = first; block < last; block++) quantized_many<Bits>(a, row, std::min(MostRows, a.rows - row), block);
        return;
    }
    for (int64_t block = first; block < last; block++) {
        int64_t row = 0;
        for (; row + 4 <= a.rows; row += 4) quantized_rows<Bits, 4, 1>(a, row, block, 0);
        switch (a.rows - row) {
            case 3: quantized_rows<Bits, 3, 1>(a, row, block, 0); break;
            case 2: quantized_rows<Bits, 2, 1>(a, row, block, 0); break;
            case 1: quantized_rows<Bits, 1, 1>(a, row, block, 0); break;
        }
    }
}
static void quantized(const QuantizedView& a, int64_t first, int64_t last) {
    if (a.bits == 8) quantized_blocks<8>(a, first, last);
    else quantized_blocks<4>(a, first, last);
}

// One row of x, by groups: high and low bytes of 16 bits, and for each group its unit and what moved weights add to a sum.
static void split_row(const float* x, int64_t groups, int64_t group, int bits, int8_t* high, int8_t* low, float* units) {
    for (int64_t g = 0; g < groups; g++, x += group, high += group, low += group) {
        vf most = splat(0), spoilt = splat(0);
        for (int64_t i = 0; i < group; i += L) {
            vf v = load_part(x + i, group - i);
            most = vmax(most, vmax(v, -v));
            spoilt += v * 0.0f;
        }
        const bool finite = sum(spoilt) == 0;   // else no number comes of the group
        float unit = finite ? max(most) / 32512 : NAN, inverse = unit > 0 ? 1 / unit : 0;
        int32_t total = 0;
        for (int64_t i = 0; i < group; i++) {
            int32_t q = finite ? (int32_t)(x[i] * inverse + 12582912.0f - 12582912.0f) : 0;   // rounded
            low[i] = (int8_t)(q & 255);
            high[i] = (int8_t)((q - low[i]) >> 8);
            total += q;
        }
        units[2 * g] = unit;
        int32_t moved = total * (bits == 8 ? 128 : 8);
        std::memcpy(units + 2 * g + 1, &moved, 4);
    }
}

// A block's weights from floats (16, groups * group): each group's largest decides its scale.
static void quantize_block(const float* w, int bits, int64_t groups, int64_t group, int32_t* words, void* scales) {
    const int64_t per_word = 32 / bits, wide = groups * group;
    const int32_t most = (1 << (bits - 1)) - 1, mask = bits == 8 ? 255 : 15;
    std::memset(words, 0, groups * group / per_word * QB * sizeof(int32_t));
    for (int64_t o = 0; o < QB; o++)
        for (int64_t g = 0; g < groups; g++) {
            const float* x = w + o * wide + g * group;
            float largest = 0;   // with its sign: 4 bits reach from -8 to 7, and it takes the -8
            for (int64_t i = 0; i < group; i++) if (std::fabs(x[i]) > std::fabs(largest)) largest = x[i];
            bf16 rounded[L];
            store(rounded, splat(bits == 8 ? std::fabs(largest) / most : largest / -8));
            *at<bf16>(scales, g * QB + o) = rounded[0];
            float unit = to_float(rounded[0]), inverse = unit != 0 ? 1 / unit : 0;
            for (int64_t i = 0; i < group; i++) {
                int32_t q = std::max(-most - 1, std::min(most, (int32_t)__builtin_rintf(x[i] * inverse)));
                int64_t j = i % per_word, place = bits == 8 || j < 4 ? 8 * j : 8 * (j - 4) + 4;
                words[(g * group + i) / per_word * QB + o] |= (q & mask) << place;
            }
        }
}

// And back.
static void dequantize_block(const int32_t* words, const void* scales, int bits, int64_t groups, int64_t group, float* w) {
    const int64_t per_word = 32 / bits, wide = groups * group;
    for (int64_t k = 0; k < wide / per_word; k++)
        for (int n = 0; n < NQ; n++) {
            vi v = load_words(words + k * QB + n * L);
            vf scale = load(at<bf16>(scales, k * per_word / group * QB + n * L));
            for (int j = 0; j < per_word; j++) {
                vf u = (bits == 8 ? unpack<8>(v, j) : unpack<4>(v, j)) * scale;
                for (int lane = 0; lane < L; lane++) w[(n * L + lane) * wide + k * per_word + j] = u[lane];
            }
        }
}

}  // namespace tt::TT_NAMESPACE
