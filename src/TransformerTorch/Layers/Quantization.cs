namespace TransformerTorch.Layers;

/// <summary>How the weights of linear layers are stored for inference.</summary>
/// <param name="Bits">8 or 4</param>
/// <param name="Group">inputs that share a scale: 8 to 128, a multiple of 8</param>
public sealed record Quantization(int Bits, int Group)
{
    /// <summary>8 bits in groups of 64: 8.25 bits a weight.</summary>
    public static readonly Quantization Bits8 = new(8, 64);

    /// <summary>4 bits in groups of 32: 4.5 bits a weight.</summary>
    public static readonly Quantization Bits4 = new(4, 32);

    /// <summary>
    /// What scores over a vocabulary are stored in: 8 bits at least, since they decide between near equals, and the table is often that
    /// of the embeddings.
    /// </summary>
    public Quantization OfScores => Bits == 8 ? this : Bits8;

    /// <summary>int8 or int4.</summary>
    /// <exception cref="ArgumentException">Neither.</exception>
    public static Quantization Parse(string name) => name switch
    {
        "int8" => Bits8,
        "int4" => Bits4,
        _ => throw new ArgumentException($"unknown quantization '{name}': int8 or int4"),
    };
}
