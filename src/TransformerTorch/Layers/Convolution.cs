using TorchSharp.Utils;
using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>What a <see cref="Convolution"/> is.</summary>
public sealed record ConvolutionOptions
{
    /// <summary>C.</summary>
    public required int Width { get; init; }

    /// <summary>Positions that each one sees, itself in the middle; odd.</summary>
    public required int KernelSize { get; init; }

    /// <summary>Groups of features that are mixed among themselves only.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>One of <see cref="Activation.Names"/>.</summary>
    public string Activation { get; init; } = "tanh";

    /// <summary>Normalises the sum.</summary>
    public required NormOptions Norm { get; init; }

    /// <summary>Dropout before the activation, in training.</summary>
    public double Dropout { get; init; }
}

/// <summary>
/// Neighbours' embeddings beside the first layer: <c>norm(x + activation(convolution(embeddings)))</c>, zero at padding (He et al., 2021).
/// </summary>
public sealed class Convolution : nn.Module
{
    private readonly ConvolutionOptions _options;
    private readonly Func<Tensor, Tensor> _activation;
    [ComponentName(Name = "weight")] private readonly Parameter _weight;
    [ComponentName(Name = "bias")] private readonly Parameter _bias;
    [ComponentName(Name = "norm")] private readonly Norm _norm;

    /// <summary>A convolution.</summary>
    /// <exception cref="ArgumentException">An even kernel, or groups of different sizes.</exception>
    public Convolution(ConvolutionOptions options) : base(nameof(Convolution))
    {
        if (options.KernelSize % 2 == 0) throw new ArgumentException($"a convolution over {options.KernelSize} positions has no middle");
        if (options.Width % options.Groups != 0) throw new ArgumentException($"{options.Width} features are no {options.Groups} groups");
        _options = options;
        _activation = Activation.Named(options.Activation);
        _weight = Weights.Empty(options.Width, options.Width / options.Groups, options.KernelSize);
        _bias = Weights.Empty(options.Width);
        _norm = new Norm(options.Width, options.Norm);
        RegisterComponents();
    }

    /// <summary>(C, C / groups, kernel)</summary>
    public Tensor Weight => _weight;

    /// <summary>(C)</summary>
    public Tensor Bias => _bias;

    /// <summary>(B, T, C) embeddings and (B, T, C) of the first layer to (B, T, C).</summary>
    public Tensor forward(Tensor embeddings, Tensor x, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        var (B, T, C) = embeddings.Dims3();
        var (G, K) = (_options.Groups, _options.KernelSize);
        var edge = zeros([B, K / 2, C], embeddings.dtype, embeddings.device);
        var padded = cat([edge, embeddings, edge], 1); // (B, T + K - 1, C)
        var seen = stack([.. Enumerable.Range(0, K).Select(i => padded.narrow(1, i, T))], -1); // (B, T, C, K)
        var (groups, weights, biases) = (seen.view(B, T, G, C / G * K), _weight.view(G, C / G, C / G * K), _bias.view(G, C / G));
        var mixed = cat([.. Enumerable.Range(0, G).Select(g => Operators.Linear(groups.select(2, g), weights[g], biases[g]))], -1);
        if (mask is not null) mixed = mixed.masked_fill(mask.eq(0).unsqueeze(-1), 0);
        var sum = _norm.call(x + _activation(Dropout.Apply(mixed, _options.Dropout, training)));
        return (mask is null ? sum : sum * mask.unsqueeze(-1).to(sum.dtype)).MoveToOuterDisposeScope();
    }
}
