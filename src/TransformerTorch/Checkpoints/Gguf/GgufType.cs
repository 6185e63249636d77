namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>The element types of GGUF (ggml.h) that are read and written here.</summary>
public enum GgufType : uint
{
    /// <summary>float32</summary>
    F32 = 0,

    /// <summary>float16</summary>
    F16 = 1,

    /// <summary><c>q8_0</c>: blocks of 32 signed bytes with one float16 that multiplies them.</summary>
    Q8 = 8,

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
    public static long BytesOf(GgufType type, long count) => type switch
    {
        GgufType.F32 => count * 4,
        GgufType.Q8 => count / QuantizedBlocks.Size * QuantizedBlocks.Bytes,
        _ => count * 2,
    };
}
