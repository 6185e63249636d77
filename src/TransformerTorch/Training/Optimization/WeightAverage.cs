using TransformerTorch.Checkpoints;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Optimization;

/// <summary>An exponential moving average of the weights, in float32, which may take their place for a while.</summary>
public sealed class WeightAverage : IDisposable
{
    private readonly double _decay;
    private readonly (string Name, Tensor Parameter, Tensor Average)[] _weights;

    /// <summary>Starts with the weights as they are.</summary>
    public WeightAverage(IEnumerable<(string Name, Tensor Parameter)> weights, double decay)
    {
        using var _ = no_grad();
        _decay = decay;
        _weights = [.. weights.Select(w => (w.Name, w.Parameter,
            w.Parameter.detach().to(ScalarType.Float32, copy: true).DetachFromDisposeScope()))];
    }

    /// <summary>The averages, by name.</summary>
    public IReadOnlyList<(string Name, Func<Tensor> Tensor)> State =>
        [.. _weights.Select(w => (w.Name, (Func<Tensor>)(() => w.Average.alias())))];

    /// <summary>Takes the weights in after a step.</summary>
    public void Update()
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (_, parameter, average) in _weights) average.mul_(_decay).add_(parameter.to(ScalarType.Float32), alpha: 1 - _decay);
    }

    /// <summary>The model has the averages for weights until this is disposed.</summary>
    public IDisposable Applied()
    {
        using var scope = NewDisposeScope();
        var own = Array.ConvertAll(_weights, w => w.Parameter.detach().clone().DetachFromDisposeScope());
        Take(w => w.Average);
        return new Guard(() =>
        {
            var at = 0;
            Take(_ => own[at++]);
            foreach (var weights in own) weights.Dispose();
        });

        void Take(Func<(string Name, Tensor Parameter, Tensor Average), Tensor> from)
        {
            using var none = no_grad();
            foreach (var weight in _weights) weight.Parameter.copy_(from(weight));
        }
    }

    /// <summary>Puts saved averages back.</summary>
    /// <exception cref="CheckpointException">One is missing.</exception>
    public void Load(TensorFile saved)
    {
        using var _ = no_grad();
        foreach (var (name, _, average) in _weights)
        {
            using var scope = NewDisposeScope();
            average.copy_(saved.Read(name));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, _, average) in _weights) average.Dispose();
    }
}
