using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>Where a tensor lies in a file, whatever the file's format.</summary>
/// <param name="Name">its name</param>
/// <param name="Type">its elements</param>
/// <param name="Shape">its dimensions</param>
/// <param name="Begin">its first byte in the file</param>
/// <param name="End">the byte after its last</param>
public sealed record TensorEntry(string Name, ElementType Type, long[] Shape, long Begin, long End)
{
    /// <summary>Steps between elements, counted in elements, where it is not stored row by row; a view of a larger one, say.</summary>
    public long[]? Strides { get; init; }

    /// <summary>Whether the file was written by a machine that stores the highest byte first.</summary>
    public bool BigEndian { get; init; }

    /// <summary>How many elements.</summary>
    public long Count => Shape.Aggregate(1L, (n, d) => n * d);

    /// <summary>The bytes that its elements take in memory.</summary>
    public long Bytes => Count * Type.Bits / 8;

    /// <summary>The element type in libtorch.</summary>
    /// <exception cref="CheckpointException">libtorch has none.</exception>
    public ScalarType ScalarType => Type.Scalar ?? throw new CheckpointException($"tensor {Name}: libtorch has no type for {Type}");
}

/// <summary>What a file of tensors holds: the tensors in the file's order, and what it says of itself.</summary>
internal sealed record TensorTable(IReadOnlyDictionary<string, TensorEntry> Tensors, IReadOnlyDictionary<string, string> Metadata);
