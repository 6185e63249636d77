namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>The element types of GGUF (ggml.h) that are read here; float32, float16, bfloat16 and <c>q8_0</c> are written too.</summary>
public enum GgufType : uint
{
    /// <summary>float32</summary>
    F32 = 0,

    /// <summary>float16</summary>
    F16 = 1,

    /// <summary><c>q4_0</c>: blocks of 32 numbers in 4 bits, with what multiplies them.</summary>
    Q4 = 2,

    /// <summary><c>q4_1</c>: the same from a least number on.</summary>
    Q4From = 3,

    /// <summary><c>q5_0</c>: blocks of 32 numbers in 5 bits.</summary>
    Q5 = 6,

    /// <summary><c>q5_1</c>: the same from a least number on.</summary>
    Q5From = 7,

    /// <summary><c>q8_0</c>: blocks of 32 signed bytes with one float16 that multiplies them.</summary>
    Q8 = 8,

    /// <summary><c>q2_k</c>: blocks of 256 numbers in 2 bits, a scale and a least number for every 16, both in 4 bits.</summary>
    Q2K = 10,

    /// <summary><c>q3_k</c>: blocks of 256 in 3 bits, a scale of 6 bits for every 16.</summary>
    Q3K = 11,

    /// <summary><c>q4_k</c>: blocks of 256 in 4 bits, a scale and a least number of 6 bits for every 32.</summary>
    Q4K = 12,

    /// <summary><c>q5_k</c>: the same in 5 bits.</summary>
    Q5K = 13,

    /// <summary><c>q6_k</c>: blocks of 256 in 6 bits, a scale of 8 bits for every 16.</summary>
    Q6K = 14,

    /// <summary>bfloat16</summary>
    BF16 = 30,
}

/// <summary>A tensor in a GGUF file.</summary>
/// <param name="Name">such as <c>blk.0.attn_q.weight</c></param>
/// <param name="Type">its elements</param>
/// <param name="Shape">its dimensions, rows first (the file has them the other way round)</param>
/// <param name="Begin">its first byte in the file</param>
public sealed record GgufTensor(string Name, GgufType Type, long[] Shape, long Begin)
{
    /// <summary>How many elements.</summary>
    public long Count => Shape.Aggregate(1L, (n, d) => n * d);

    /// <summary>The bytes it takes.</summary>
    public long Bytes => BytesOf(Type, Count);

    /// <summary>The bytes that so many elements take.</summary>
    /// <exception cref="OverflowException">More than can be counted.</exception>
    public static long BytesOf(GgufType type, long count) => checked(count / QuantizedBlocks.Size(type) * QuantizedBlocks.Bytes(type));
}
