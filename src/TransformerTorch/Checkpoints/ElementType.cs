using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>A type of elements, in the spelling of safetensors, which serves every format here.</summary>
/// <param name="Name">"BF16"</param>
/// <param name="Bits">of one element; formats that pack several into a byte have fewer than 8</param>
/// <param name="Scalar">libtorch's type; null where it has none</param>
public sealed record ElementType(string Name, int Bits, ScalarType? Scalar)
{
    // TorchSharp names no types after BFloat16; libtorch has these numbers for them (c10/core/ScalarType.h).
    private static readonly ElementType[] s_all =
    [
        new("F64", 64, ScalarType.Float64), new("F32", 32, ScalarType.Float32), new("F16", 16, ScalarType.Float16),
        new("BF16", 16, ScalarType.BFloat16),
        new("I64", 64, ScalarType.Int64), new("I32", 32, ScalarType.Int32), new("I16", 16, ScalarType.Int16), new("I8", 8, ScalarType.Int8),
        new("U8", 8, ScalarType.Byte), new("BOOL", 8, ScalarType.Bool), new("C64", 64, ScalarType.ComplexFloat32),
        new("F8_E5M2", 8, (ScalarType)23), new("F8_E4M3", 8, (ScalarType)24),
        new("F8_E5M2FNUZ", 8, (ScalarType)25), new("F8_E4M3FNUZ", 8, (ScalarType)26),
        new("U16", 16, (ScalarType)27), new("U32", 32, (ScalarType)28), new("U64", 64, (ScalarType)29),
        new("F8_E8M0", 8, null), new("F6_E2M3", 6, null), new("F6_E3M2", 6, null), new("F4", 4, null),
    ];

    private static readonly Dictionary<string, ElementType> s_byName = s_all.ToDictionary(t => t.Name);

    /// <summary>The type of that name, or null.</summary>
    public static ElementType? Find(string name) => s_byName.GetValueOrDefault(name);

    /// <summary>The type that libtorch calls so.</summary>
    /// <exception cref="CheckpointException">Files have none.</exception>
    public static ElementType Of(ScalarType scalar)
        => Array.Find(s_all, t => t.Scalar == scalar) ?? throw new CheckpointException($"safetensors has no type for {scalar}");

    /// <summary>Whether it is a floating-point type, of any width.</summary>
    public bool IsFloating => Name[0] is 'F' or 'B' && Name != "BOOL";

    /// <inheritdoc/>
    public override string ToString() => Name;
}
