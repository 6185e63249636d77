using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>Parameters that are updated by one rule.</summary>
/// <param name="WeightDecay">Decoupled decay of these.</param>
/// <param name="Parameters">Names and parameters, in the model's order.</param>
public sealed record ParameterGroup(double WeightDecay, IReadOnlyList<(string Name, Tensor Parameter)> Parameters);

/// <summary>Which rule holds for which parameter.</summary>
public static class ParameterGroups
{
    /// <summary>
    /// Tensors of two dimensions and more (projections and embedding tables) decay, biases and norms do not. Each parameter that requires
    /// gradients is in exactly one group, a tied one under its first name.
    /// </summary>
    public static IReadOnlyList<ParameterGroup> Of(nn.Module model, double weightDecay)
    {
        var seen = new HashSet<nint>();
        var parameters = model.named_parameters().Where(p => p.parameter.requires_grad && seen.Add(p.parameter.Handle))
            .Select(p => (p.name, (Tensor)p.parameter)).ToList();
        ParameterGroup[] groups =
        [
            new(weightDecay, [.. parameters.Where(p => p.Item2.dim() >= 2)]),
            new(0, [.. parameters.Where(p => p.Item2.dim() < 2)]),
        ];
        return [.. groups.Where(g => g.Parameters.Count > 0)];
    }
}
