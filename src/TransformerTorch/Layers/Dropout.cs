using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>Dropout that costs nothing where there is none.</summary>
internal static class Dropout
{
    public static Tensor Apply(Tensor x, double probability, bool training)
        => training && probability > 0 ? nn.functional.dropout(x, probability, training: true) : x;
}

/// <summary>
/// A module that may draw random numbers in training: a pass that is done again wants the same ones, and a generator's state cannot be
/// read while a CUDA graph is recorded.
/// </summary>
internal interface IDropping
{
    /// <summary>Whether it does.</summary>
    bool Drops { get; }
}
