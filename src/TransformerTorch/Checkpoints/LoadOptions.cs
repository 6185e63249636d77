using TransformerTorch.Layers;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints;

/// <summary>How a model is loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>The type of the weights in memory; null keeps that of the files, the one that most of their numbers have.</summary>
    public ScalarType? Type { get; init; } = ScalarType.Float32;

    /// <summary>Where they go.</summary>
    public Device Device { get; init; } = CPU;

    /// <summary>
    /// Whether weights that the files hold as the model wants them are used where they lie: loading takes no time and no memory until
    /// they are used, and several processes share them. The files must stay as they are for as long as the model lives.
    /// </summary>
    public bool Mapped { get; init; }

    /// <summary>
    /// Whether the bare model is loaded, whatever class the folder names: heads and poolers are passed over, and may be absent. Of an
    /// adapter's folder it is as the adapter says.
    /// </summary>
    public bool Bare { get; init; }

    /// <summary>Stores the weights of linear layers in few bits, for inference alone; null: as they are.</summary>
    public Quantization? Quantize { get; init; }
}
