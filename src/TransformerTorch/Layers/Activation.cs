using TransformerTorch.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TransformerTorch.Layers;

/// <summary>Activations by the names that published configurations use.</summary>
public static class Activation
{
    private static readonly Dictionary<string, Func<Tensor, Tensor>> s_table = new()
    {
        ["gelu"] = x => Operators.Gelu(x, tanh: false),
        ["gelu_new"] = x => Operators.Gelu(x, tanh: true),
        ["gelu_pytorch_tanh"] = x => Operators.Gelu(x, tanh: true),
        ["gelu_fast"] = x => Operators.Gelu(x, tanh: true),
        ["quick_gelu"] = QuickGelu,
        ["relu"] = x => F.relu(x),
        ["relu2"] = SquaredRelu,
        ["silu"] = x => F.silu(x),
        ["swish"] = x => F.silu(x),
        ["tanh"] = x => x.tanh(),
    };

    /// <summary>The names known.</summary>
    public static IReadOnlyCollection<string> Names => s_table.Keys;

    /// <summary>The function of that name.</summary>
    /// <exception cref="ArgumentException">No such activation; the message lists those there are.</exception>
    public static Func<Tensor, Tensor> Named(string name) => s_table.TryGetValue(name, out var function) ? function
        : throw new ArgumentException($"unknown activation '{name}': one of {string.Join(", ", s_table.Keys.Order())}");

    private static Tensor QuickGelu(Tensor x)
    {
        using var scope = NewDisposeScope();
        return (x * (x * 1.702).sigmoid()).MoveToOuterDisposeScope();
    }

    private static Tensor SquaredRelu(Tensor x)
    {
        using var scope = NewDisposeScope();
        return F.relu(x).square().MoveToOuterDisposeScope();
    }
}
