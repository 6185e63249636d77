using System.Buffers.Binary;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>
/// <c>q8_0</c>: 32 numbers as signed bytes and what multiplies them, a float16 (ggml-quants.c, quantize_row_q8_0_ref).
/// </summary>
public static class QuantizedBlocks
{
    /// <summary>Numbers of a block.</summary>
    public const int Size = 32;

    /// <summary>Its bytes.</summary>
    public const int Bytes = 2 + Size;

    /// <summary>Rounds numbers to blocks, each to the nearest of 255 steps of its block's largest.</summary>
    /// <param name="numbers">a multiple of <see cref="Size"/></param>
    /// <param name="blocks">takes <see cref="Bytes"/> for each</param>
    public static void Quantize(ReadOnlySpan<float> numbers, Span<byte> blocks)
    {
        for (; numbers.Length >= Size; numbers = numbers[Size..], blocks = blocks[Bytes..])
        {
            var largest = 0f;
            foreach (var x in numbers[..Size]) largest = Math.Max(largest, Math.Abs(x));
            var step = largest / 127;
            var inverse = step == 0 ? 0 : 1 / step;
            BinaryPrimitives.WriteHalfLittleEndian(blocks, (Half)step);
            for (var i = 0; i < Size; i++)
                blocks[2 + i] = (byte)(sbyte)MathF.Round(numbers[i] * inverse, MidpointRounding.AwayFromZero);
        }
    }

    /// <summary>The numbers that blocks stand for.</summary>
    public static void Restore(ReadOnlySpan<byte> blocks, Span<float> numbers)
    {
        for (; blocks.Length >= Bytes; numbers = numbers[Size..], blocks = blocks[Bytes..])
        {
            var step = (float)BinaryPrimitives.ReadHalfLittleEndian(blocks);
            for (var i = 0; i < Size; i++) numbers[i] = step * (sbyte)blocks[2 + i];
        }
    }
}
