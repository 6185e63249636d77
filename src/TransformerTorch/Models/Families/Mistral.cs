using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>Mistral (Jiang et al., 2023): LLaMA with a window in every layer.</summary>
public sealed class Mistral() : LlamaFamily("mistral", new LlamaDefaults { HiddenSize = 14336, KeyValueHeads = 8, Positions = 131072 })
{
    /// <inheritdoc/>
    protected override IReadOnlyList<BlockOptions> Blocks(ConfigKeys keys, BlockOptions block, int layers)
    {
        var window = keys.WholeOrNull("sliding_window", 4096) ?? 0;
        return base.Blocks(keys, block with { Attention = block.Attention with { Window = window } }, layers);
    }
}
