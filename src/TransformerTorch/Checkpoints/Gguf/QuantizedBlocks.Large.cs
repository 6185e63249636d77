namespace TransformerTorch.Checkpoints.Gguf;

/// <content>Blocks of 256, whose groups' scales are in few bits themselves.</content>
public static partial class QuantizedBlocks
{
    private static int TwoBits(ReadOnlySpan<byte> block, Span<sbyte> codes, Span<float> scales, Span<float> least)
    {
        var (step, leastStep) = (Number(block, 80), Number(block, 82));
        var bits = block[16..80];
        for (var i = 0; i < Large; i++) codes[i] = (sbyte)(bits[(i / 128 * 32) + (i % 32)] >> (i % 128 / 32 * 2) & 3);
        for (var group = 0; group < 16; group++)
            (scales[group], least[group]) = (step * (block[group] & 15), leastStep * (block[group] >> 4));
        return 16;
    }

    private static int ThreeBits(ReadOnlySpan<byte> block, Span<sbyte> codes, Span<float> scales)
    {
        var step = Number(block, 108);
        var high = block[..32];
        var bits = block[32..96];
        var packed = block[96..108];
        for (var i = 0; i < Large; i++)
        {
            var low = bits[(i / 128 * 32) + (i % 32)] >> (i % 128 / 32 * 2) & 3;
            codes[i] = (sbyte)(low - ((high[i % 32] >> (i / 32) & 1) == 0 ? 4 : 0));
        }
        for (var group = 0; group < 16; group++)
            scales[group] = step * ((Nibble(packed[group % 8], group / 8) | (packed[8 + (group % 4)] >> (group / 4 * 2) & 3) << 4) - 32);
        return 16;
    }

    private static int FourOrFiveBits(
        ReadOnlySpan<byte> block, ReadOnlySpan<byte> fifth, ReadOnlySpan<byte> bits, Span<sbyte> codes, Span<float> scales,
        Span<float> least)
    {
        var (step, leastStep) = (Number(block, 0), Number(block, 2));
        var packed = block[4..16];
        for (var i = 0; i < Large; i++)
        {
            var code = Nibble(bits[(i / 64 * 32) + (i % 32)], i / 32 % 2);
            codes[i] = (sbyte)(fifth.IsEmpty ? code : code | (fifth[i % 32] >> (i / 32) & 1) << 4);
        }
        for (var group = 0; group < 8; group++)
        {
            // Six bits each: the first four groups in whole bytes, whose upper two bits belong to the last four.
            var (scale, low) = group < 4 ? (packed[group] & 63, packed[group + 4] & 63)
                : ((packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4, (packed[group + 4] >> 4) | (packed[group] >> 6) << 4);
            (scales[group], least[group]) = (step * scale, leastStep * low);
        }
        return 32;
    }

    private static int SixBits(ReadOnlySpan<byte> block, Span<sbyte> codes, Span<float> scales)
    {
        var step = Number(block, 208);
        var bits = block[..128];
        var high = block[128..192];
        var packed = block[192..208];
        for (var i = 0; i < Large; i++)
        {
            var (half, within) = (i / 128, i % 128);
            var low = Nibble(bits[(half * 64) + (within % 64)], within / 64);
            codes[i] = (sbyte)((low | (high[(half * 32) + (within % 32)] >> (within / 32 * 2) & 3) << 4) - 32);
        }
        for (var group = 0; group < 16; group++) scales[group] = step * (sbyte)packed[group];
        return 16;
    }
}
