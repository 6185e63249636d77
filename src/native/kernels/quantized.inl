// Products with weights of 8 or 4 bits. A weight is stored in blocks of 16 outputs: words of 32 bits, one for each output of the block,
// hold 4 or 8 consecutive inputs, and each group of inputs has a scale for each output (bf16). In a word of 4-bit weights the low halves
// of its bytes come first. So lanes are outputs, and nothing is summed across them.
#pragma once
#include <algorithm>

#include "vec.h"

namespace tt::TT_NAMESPACE {

constexpr int64_t QB = 16;           // outputs of a block
constexpr int NQ = QB / TT_LANES;    // vectors of them

TT_INLINE vi load_words(const int32_t* p) { vi r; std::memcpy(&r, p, sizeof r); return r; }

// The j-th weights of words, signed, as floats.
template <int Bits> TT_INLINE vf unpack(vi words, int j) {
    int place = Bits == 8 ? 8 * j : j < 4 ? 8 * j : 8 * (j - 4) + 4;
    return __builtin_convertvector((words << (32 - Bits - place)) >> (32 - Bits), vf);
}

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

#if TT_LANES >= 8
constexpr bool UsesShorts = true;

// Pairs of 16 bits, multiplied and added to a lane's sum of 32.
TT_INLINE vi dot(vi sum, vi a, vi b) {
#if defined(__AVX512VNNI__)
    return (vi)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#elif TT_LANES == 16
    return sum + (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#else
    return sum + (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#endif
}

// (a ^ b) & mask
TT_INLINE vi part_of(vi a, int32_t b, int32_t mask) {
#if TT_LANES == 16
    return (vi)_mm512_ternarylogic_epi32((__m512i)a, (__m512i)(b - vi{}), (__m512i)(mask - vi{}), 0x28);
#else
    return (a ^ b) & mask;
#endif
}

// M rows of x, in 16 bits as split_row leaves them, with R blocks of outputs that are `apart`: as many streams from memory, and x is read
// once for all. Weights are moved to be positive, which x's sums undo: so a mask takes the two out of a word that stand 16 bits apart.
template <int Bits, int M, int R>
static void quantized_tile(const QuantizedView& a, int64_t row, int64_t block, int64_t apart, float* y) {
    constexpr int64_t PerWord = 32 / Bits;
    constexpr int Pairs = PerWord / 2, Sums = Bits == 4 && L == 16 && M <= 2 ? 2 : 1;   // high halves of bytes as they stand, times 16
    const int64_t words = a.group / PerWord, wide = a.groups * a.group;
    const int64_t next = a.groups * words * QB, w_apart = apart * next, scales_apart = apart * a.groups * QB;
    const int32_t* w = a.weight + block * next;
    const bf16* scales = at<bf16>(a.scales, block * a.groups * QB);
    const int32_t move = (int32_t)(Bits == 8 ? 0x80808080u : 0x88888888u), mask = Bits == 8 ? 0x00ff00ff : 0x000f000f;
    vf total[R][M][NQ] = {};
    for (int64_t g = 0; g < a.groups; g++, w += words * QB, scales += QB) {
        const int16_t* x = a.shorts + row * wide + g * a.group;
        vi s[R][M][NQ][Sums] = {};
        for (int64_t k = 0; k < words; k++) {
            vi v[R][NQ];
#pragma GCC unroll 4
            for (int r = 0; r < R; r++)
#pragma GCC unroll 2
                for (int n = 0; n < NQ; n++) v[r][n] = load_words(w + r * w_apart + k * QB + n * L);
            if (R == 1) __builtin_prefetch(w + k * QB + next, 0, 2);   // what the next block reads
#pragma GCC unroll 4
            for (int pair = 0; pair < Pairs; pair++) {
                const int high = pair / 2, sum = high % Sums, place = pair % 2 * 8 + (high - sum) * 4, up = sum * 4;
                vi part[R][NQ];
#pragma GCC unroll 4
                for (int r = 0; r < R; r++)
#pragma GCC unroll 2
                    for (int n = 0; n < NQ; n++) part[r][n] = part_of(v[r][n] >> place, move, mask << up);
#pragma GCC unroll 8
                for (int m = 0; m < M; m++) {
                    int32_t two;
                    std::memcpy(&two, x + m * wide + k * PerWord + 2 * pair, 4);
                    const vi twos = two - vi{};
#pragma GCC unroll 4
                    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
                        for (int n = 0; n < NQ; n++) s[r][m][n][sum] = dot(s[r][m][n][sum], part[r][n], twos);
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
#pragma GCC unroll 2
                for (int n = 0; n < NQ; n++) {
                    const vi sum = s[r][m][n][0] + (Sums > 1 ? s[r][m][n][Sums - 1] >> 4 : vi{}) - moved;
                    total[r][m][n] += __builtin_convertvector(sum, vf) * (load(scales + r * scales_apart + n * L) * unit[0]);
                }
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int m = 0; m < M; m++)
#pragma GCC unroll 2
            for (int n = 0; n < NQ; n++) store(y + (r * M + m) * QB + n * L, total[r][m][n]);
}
// M rows of x with R blocks that are `apart`.
template <int Bits, int M, int R> static void quantized_rows(const QuantizedView& a, int64_t row, int64_t block, int64_t apart) {
    float y[R * M * QB];
    quantized_tile<Bits, M, R>(a, row, block, apart, y);
    for (int r = 0; r < R; r++) quantized_out(a, row, M, block + r * apart, y + r * M * QB);
}

// One row or two leave the processor waiting for memory, which it reads faster from two far apart places; 4 bits keep AVX2 busy.
template <int Bits, int M> static void quantized_far(const QuantizedView& a, int64_t first, int64_t last) {
    const int64_t apart = (last - first) / 2;
    for (int64_t block = first; block < first + apart; block++) quantized_rows<Bits, M, 2>(a, 0, block, apart);
    if (first + 2 * apart < last) quantized_rows<Bits, M, 1>(a, 0, last - 1, 0);
}

template <int Bits> static void quantized_blocks(const QuantizedView& a, int64_t first, int64_t last) {
    constexpr bool Far = Bits == 8 || L == 16;
    if (Far && a.rows == 1) return quantized_far<Bits, 1>(a, first, last);
    if (Far && a.rows == 2) return quantized_far<Bits, 2>(a, first, last);
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
#else
constexpr bool UsesShorts = false;

// From floats: a group's weights become floats once for up to so many rows.
template <int Bits> static void quantized_blocks(const QuantizedView& a, int64_t first, int64_t last) {
    constexpr int64_t MostRows = 96, PerWord = 32 / Bits;
    const int64_t words = a.group / PerWord;
    for (int64_t row = 0; row < a.rows; row += MostRows)
        for (int64_t block = first; block < last; block++) {
            const int64_t count = std::min(MostRows, a.rows - row);
            const int32_t* w = a.weight + block * a.groups * words * QB;
            const bf16* scales = at<bf16>(a.scales, block * a.groups * QB);
            float totals[MostRows * QB] = {};
            for (int64_t g = 0; g < a.groups; g++, w += words * QB, scales += QB)
                for (int n = 0; n < NQ; n++) {
                    vf u[128];
                    for (int64_t i = 0; i < a.group; i++) u[i] = unpack<Bits>(load_words(w + i / PerWord * QB + n * L), (int)(i % PerWord));
                    for (int64_t m = 0; m < count; m++) {
                        const float* x = a.x + (row + m) * a.x_row + g * a.group;
                        vf s = {};
                        for (int64_t i = 0; i < a.group; i++) s += u[i] * x[i];
                        float* total = totals + m * QB + n * L;
                        store(total, load(total) + s * load(scales + n * L));
                    }
                }
            quantized_out(a, row, count, block, totals);
        }
}
#endif

static void quantized(const QuantizedView& a, int64_t first, int64_t last) {
    if (a.bits == 8) quantized_blocks<8>(a, first, last);
    else quantized_blocks<4>(a, first, last);
}

// One row of x in 16 bits, by groups: pairs as they stand in a word of weights (of each four 0 and 2, 1 and 3), and for each group its unit
// and what moved weights add to a sum.
static void split_row(const float* x, int64_t groups, int64_t group, int bits, int16_t* shorts, float* units) {
    typedef int16_t vs __attribute__((vector_size(2 * TT_LANES)));
    vs swap;
    for (int lane = 0; lane < L; lane++) swap[lane] = (int16_t)((lane & ~3) + (lane & 1) * 2 + (lane >> 1 & 1));
    for (int64_t g = 0; g < groups; g++, x += group, shorts += group) {
        vf most = splat(0), spoilt = splat(0);
        for (int64_t i = 0; i < group; i += L) {
            vf v = load_part(x + i, group - i);
            most = vmax(most, vmax(v, -v));
            spoilt += v * 0.0f;
        }
        const bool finite = sum(spoilt) == 0;   // else no number comes of the group
        const float unit = finite ? max(most) / 32767 : NAN, inverse = unit > 1e-37f ? 1 / unit : 0;
        vi totals = {};
        for (int64_t i = 0; i < group; i += L) {
            const vf v = finite ? load_part(x + i, group - i) * inverse : splat(0);
            const vi q = __builtin_convertvector(v + 12582912.0f - 12582912.0f, vi);   // rounded
            const vs swapped = __builtin_shuffle(__builtin_convertvector(q, vs), swap);
            std::memcpy(shorts + i, &swapped, std::min(L, group - i) * sizeof(int16_t));
            totals += q;
        }
        int32_t total = 0;
        for (int lane = 0; lane < L; lane++) total += totals[lane];
        units[2 * g] = unit;
        const int32_t moved = total * (bits == 8 ? 128 : 8);
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
