using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>The one place where weights get their first values.</summary>
public sealed record Initialization
{
    /// <summary>Standard deviation of projections and embeddings.</summary>
    public double StandardDeviation { get; init; } = 0.02;

    /// <summary>Whether projections into the residual stream start smaller by 1/sqrt(2 layers) (Radford et al., 2019).</summary>
    public bool ScaleResidual { get; init; }

    /// <summary>Gives every parameter of a model its value: normal weights, zero biases, norms of one.</summary>
    public void Apply(nn.Module model)
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        Apply(model.modules());
        if (!ScaleResidual) return;
        var blocks = model.modules().OfType<Block>().ToList();
        foreach (var output in blocks.SelectMany(b => b.ResidualOutputs)) output.mul_(1 / Math.Sqrt(2.0 * blocks.Count));
    }

    /// <summary>Gives the parameters that modules hold themselves their values.</summary>
    public void Apply(IEnumerable<nn.Module> modules)
    {
        using var _ = no_grad();
        foreach (var module in modules)
        {
            switch (module)
            {
                case Linear linear:
                    linear.Weight.normal_(0, StandardDeviation);
                    linear.Bias?.zero_();
                    break;
                case Embedding embedding:
                    embedding.Weight.normal_(0, StandardDeviation);
                    break;
                case Norm norm:
                    norm.Reset();
                    break;
                case MixtureOfExperts experts:
                    experts.Input.normal_(0, StandardDeviation);
                    experts.Output.normal_(0, StandardDeviation);
                    break;
                case RelativePositions positions:
                    positions.Weight.normal_(0, StandardDeviation);
                    break;
                case Convolution convolution:
                    convolution.Weight.normal_(0, StandardDeviation);
                    convolution.Bias.zero_();
                    break;
                case Constant constant:
                    constant.Reset();
                    break;
                case RelativeBias relative:
                    relative.Weight.normal_(0, StandardDeviation);
                    break;
            }
        }
    }
}
