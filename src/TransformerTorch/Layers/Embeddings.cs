using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>A table of vectors by index.</summary>
public sealed class Embedding : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "weight")] private readonly Parameter _weight;

    /// <summary>A table of <paramref name="count"/> vectors.</summary>
    public Embedding(long count, long width) : base(nameof(Embedding))
    {
        _weight = Weights.Empty(count, width);
        RegisterComponents();
    }

    /// <summary>(count, C)</summary>
    public Tensor Weight => _weight;

    /// <summary>Indices of any shape to (..., C).</summary>
    public override Tensor forward(Tensor input) => Operators.Embedding(_weight, input);
}

/// <summary>What <see cref="Embeddings"/> are.</summary>
public sealed record EmbeddingOptions
{
    /// <summary>V.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>C.</summary>
    public required int Width { get; init; }

    /// <summary>Learned position vectors; 0 where positions enter elsewhere (rotary).</summary>
    public int Positions { get; init; }

    /// <summary>Dropout on the sum, in training.</summary>
    public double Dropout { get; init; }
}

/// <summary>Token vectors plus, where there are any, learned position vectors.</summary>
public sealed class Embeddings : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly EmbeddingOptions _options;
    [ComponentName(Name = "tokens")] private readonly Embedding _tokens;
    [ComponentName(Name = "positions")] private readonly Embedding? _positions;

    /// <summary>Tables for a vocabulary and, where asked, positions.</summary>
    public Embeddings(EmbeddingOptions options) : base(nameof(Embeddings))
    {
        _options = options;
        _tokens = new Embedding(options.VocabularySize, options.Width);
        _positions = options.Positions > 0 ? new Embedding(options.Positions, options.Width) : null;
        RegisterComponents();
    }

    /// <summary>The token table (V, C), which a tied head shares.</summary>
    public Tensor TokenWeight => _tokens.Weight;

    /// <summary>Vectors of tokens at positions.</summary>
    /// <param name="ids">(B, T) int64</param>
    /// <param name="positions">(T) or (B, T) int64</param>
    /// <returns>(B, T, C)</returns>
    public override Tensor forward(Tensor ids, Tensor positions)
    {
        using var scope = NewDisposeScope();
        var x = _tokens.call(ids); // (B, T, C)
        if (_positions is not null) x = x + _positions.call(positions);
        return Dropout.Apply(x, _options.Dropout, training).MoveToOuterDisposeScope();
    }
}

/// <summary>Dropout that costs nothing where there is none.</summary>
internal static class Dropout
{
    public static Tensor Apply(Tensor x, double probability, bool training)
        => training && probability > 0 ? nn.functional.dropout(x, probability, training: true) : x;
}
