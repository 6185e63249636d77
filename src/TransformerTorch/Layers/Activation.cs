using TransformerTorch.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TransformerTorch.Layers;

/// <summary>Activations by the names that published configurations use.</summary>
public static class Activation
{
    // Those that the operators know, by the operators' names.
    private static readonly Dictionary<string, string> s_operators = new()
    {
        ["gelu"] = "gelu", ["gelu_new"] = "gelu_tanh", ["gelu_pytorch_tanh"] = "gelu_tanh", ["gelu_fast"] = "gelu_tanh", ["relu"] = "relu",
        ["silu"] = "silu", ["swish"] = "silu",
    };

    private static readonly Dictionary<string, Func<Tensor, Tensor>> s_composed = new()
    {
        ["quick_gelu"] = QuickGelu, ["relu2"] = SquaredRelu, ["tanh"] = x => x.tanh(),
    };

    /// <summary>The names known.</summary>
    public static IReadOnlyCollection<string> Names { get; } = [.. s_operators.Keys, .. s_composed.Keys];

    /// <summary>What the operators call the function of that name; null where none of them knows it.</summary>
    internal static string? OperatorName(string name) => s_operators.GetValueOrDefault(name);

    /// <summary>The function of that name.</summary>
    /// <exception cref="ArgumentException">No such activation; the message lists those there are.</exception>
    public static Func<Tensor, Tensor> Named(string name) => s_operators.TryGetValue(name, out var known)
        ? x => Operators.Activate(x, known) : Composed(name);

    /// <summary>The function of that name of the first half (..., F), multiplied with the second: (..., 2F) to (..., F).</summary>
    /// <exception cref="ArgumentException">As for <see cref="Named"/>.</exception>
    public static Func<Tensor, Tensor> Gated(string name)
    {
        if (s_operators.TryGetValue(name, out var known)) return x => Operators.Activate(x, known, gated: true);
        var function = Composed(name);
        return x => function(x.narrow(-1, 0, x.shape[^1] / 2)) * x.narrow(-1, x.shape[^1] / 2, x.shape[^1] / 2);
    }

    private static Func<Tensor, Tensor> Composed(string name) => s_composed.TryGetValue(name, out var function) ? function
        : throw new ArgumentException($"unknown activation '{name}': one of {string.Join(", ", Names.Order())}");

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
