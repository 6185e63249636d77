using System.Globalization;

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

    /// <summary>What <see cref="Parse"/> knows: int8 and int4, and these in groups of 32, 64 or 128 inputs.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. new[] { "int8", "int4" }.SelectMany(bits => new[] { "", "-g32", "-g64", "-g128" }.Select(group => bits + group))];

    /// <summary>int8 or int4, or such as int4-g128, in groups of so many inputs.</summary>
    /// <exception cref="ArgumentException">None of <see cref="Names"/>.</exception>
    public static Quantization Parse(string name)
    {
        if (!Names.Contains(name)) throw new ArgumentException($"unknown quantization '{name}': {string.Join(", ", Names)}");
        var usual = name[3] == '8' ? Bits8 : Bits4;
        return name.Split("-g") is [_, var group] ? usual with { Group = int.Parse(group, CultureInfo.InvariantCulture) } : usual;
    }
}
