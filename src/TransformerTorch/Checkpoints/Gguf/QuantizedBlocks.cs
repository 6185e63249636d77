using System.Buffers.Binary;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>
/// Blocks of numbers in few bits (ggml-common.h, ggml-quants.c): whole numbers with what multiplies them and, in some types, what is
/// then subtracted. <c>q8_0</c> is written; the others are read.
/// </summary>
public static partial class QuantizedBlocks
{
    private const int Small = 32, Large = 256;

    /// <summary>Numbers of a block; 1 where the type has none.</summary>
    public static int Size(GgufType type) => type switch
    {
        GgufType.F32 or GgufType.F16 or GgufType.BF16 => 1,
        >= GgufType.Q2K and <= GgufType.Q6K => Large,
        _ => Small,
    };

    /// <summary>Its bytes.</summary>
    public static int Bytes(GgufType type) => type switch
    {
        GgufType.F32 => 4,
        GgufType.F16 or GgufType.BF16 => 2,
        GgufType.Q4 => 2 + 16,
        GgufType.Q4From => 4 + 16,
        GgufType.Q5 => 2 + 4 + 16,
        GgufType.Q5From => 4 + 4 + 16,
        GgufType.Q8 => 2 + 32,
        GgufType.Q2K => 16 + 64 + 4,
        GgufType.Q3K => 32 + 64 + 12 + 2,
        GgufType.Q4K => 4 + 12 + 128,
        GgufType.Q5K => 4 + 12 + 32 + 128,
        GgufType.Q6K => 128 + 64 + 16 + 2,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no type of GGUF that is read"),
    };

    /// <summary>Rounds numbers to blocks of <c>q8_0</c>, each to the nearest of 255 steps of its block's largest.</summary>
    /// <param name="numbers">a multiple of 32</param>
    /// <param name="blocks">takes 34 bytes for each 32</param>
    public static void Quantize(ReadOnlySpan<float> numbers, Span<byte> blocks)
    {
        for (; numbers.Length >= Small; numbers = numbers[Small..], blocks = blocks[Bytes(GgufType.Q8)..])
        {
            var largest = 0f;
            foreach (var x in numbers[..Small]) largest = Math.Max(largest, Math.Abs(x));
            var step = largest / 127;
            var inverse = step == 0 ? 0 : 1 / step;
            BinaryPrimitives.WriteHalfLittleEndian(blocks, (Half)step);
            for (var i = 0; i < Small; i++)
                blocks[2 + i] = (byte)(sbyte)MathF.Round(numbers[i] * inverse, MidpointRounding.AwayFromZero);
        }
    }

    /// <summary>The numbers that blocks stand for.</summary>
    /// <param name="type">a type with blocks</param>
    /// <param name="blocks">whole blocks</param>
    /// <param name="numbers">takes <see cref="Size"/> for each</param>
    public static void Restore(GgufType type, ReadOnlySpan<byte> blocks, Span<float> numbers)
    {
        var (size, bytes) = (Size(type), Bytes(type));
        Span<sbyte> codes = stackalloc sbyte[Large];
        Span<float> scales = stackalloc float[Large / 16], least = stackalloc float[Large / 16];
        least.Clear();
        for (; blocks.Length >= bytes; numbers = numbers[size..], blocks = blocks[bytes..])
        {
            var group = Unpack(type, blocks[..bytes], codes[..size], scales, least);
            for (var i = 0; i < size; i++) numbers[i] = (scales[i / group] * codes[i]) - least[i / group];
        }
    }

    /// <summary>A block's whole numbers, and for each group of them what multiplies and what is then subtracted.</summary>
    /// <returns>how many make a group</returns>
    private static int Unpack(GgufType type, ReadOnlySpan<byte> block, Span<sbyte> codes, Span<float> scales, Span<float> least)
    {
        switch (type)
        {
            case GgufType.Q2K: return TwoBits(block, codes, scales, least);
            case GgufType.Q3K: return ThreeBits(block, codes, scales);
            case GgufType.Q4K: return FourOrFiveBits(block, [], block[16..], codes, scales, least);
            case GgufType.Q5K: return FourOrFiveBits(block, block[16..48], block[48..], codes, scales, least);
            case GgufType.Q6K: return SixBits(block, codes, scales);
        }
        scales[0] = Number(block, 0);
        var from = type is GgufType.Q4From or GgufType.Q5From;
        if (from) least[0] = -Number(block, 2);
        var rest = block[(from ? 4 : 2)..];
        switch (type)
        {
            case GgufType.Q8:
                for (var i = 0; i < Small; i++) codes[i] = (sbyte)rest[i];
                break;
            case GgufType.Q4 or GgufType.Q4From:
                for (var i = 0; i < Small; i++) codes[i] = (sbyte)(Nibble(rest[i % 16], i / 16) - (from ? 0 : 8));
                break;
            default:
                var fifth = BinaryPrimitives.ReadUInt32LittleEndian(rest);
                for (var i = 0; i < Small; i++)
                    codes[i] = (sbyte)((Nibble(rest[4 + (i % 16)], i / 16) | (int)((fifth >> i & 1) << 4)) - (from ? 0 : 16));
                break;
        }
        return Small;
    }

    private static int Nibble(byte pair, int which) => (pair >> (4 * which)) & 15;

    private static float Number(ReadOnlySpan<byte> block, int at) => (float)BinaryPrimitives.ReadHalfLittleEndian(block[at..]);
}
