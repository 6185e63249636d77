using static TorchSharp.torch;

namespace TransformerTorch.Models;

/// <summary>
/// How evenly the routers of a pass used their experts (Fedus et al., 2022), all layers taken as one: the product of each expert's share
/// of tokens with its share of probability, summed.
/// </summary>
internal sealed class RouterBalance : IDisposable
{
    private readonly List<Tensor> _logits = []; // (B T, E) of each layer
    private readonly int _perToken;

    private RouterBalance(int perToken) => _perToken = perToken;

    /// <summary>One for a pass of a model whose loss it is part of; null: it is not.</summary>
    public static RouterBalance? Of(ModelConfig config)
        => config.RouterLoss > 0 && config.Main.Blocks[0].FeedForward.Experts is { } experts ? new(experts.PerToken) : null;

    /// <summary>Inputs with which a pass tells its router logits.</summary>
    public ModelInputs Watch(ModelInputs inputs) => inputs with
    {
        Trace = (name, tensor) =>
        {
            if (name == "router_logits") _logits.Add(tensor.alias().DetachFromDisposeScope());
            inputs.Trace?.Invoke(name, tensor);
        },
    };

    /// <summary>The loss of the pass, float32: the experts a token where all are used alike, more where not.</summary>
    /// <param name="mask">(B, T), 1 for tokens that count; none: all</param>
    public Tensor Loss(Tensor? mask)
    {
        using var scope = NewDisposeScope();
        var probabilities = cat(_logits).to(ScalarType.Float32).softmax(-1); // (L B T, E)
        var experts = probabilities.topk(_perToken, -1).Item2; // (L B T, k)
        var chosen = nn.functional.one_hot(experts, probabilities.shape[1]).sum(dim: 1); // (L B T, E)
        var counts = mask?.to(ScalarType.Float32).view(-1, 1).repeat(_logits.Count, 1) ?? ones_like(probabilities.narrow(1, 0, 1));
        var used = (chosen * counts).sum(dim: 0) / counts.sum(); // (E)
        var likely = (probabilities * counts).sum(dim: 0) / counts.sum();
        return ((used * likely).sum() * probabilities.shape[1]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _logits.ForEach(t => t.Dispose());
}
