using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// Phi-3 (Abdin et al., 2024): LLaMA whose queries, keys and values are published as one matrix, as are gate and up, with dropout, a
/// window and frequencies listed for long texts where asked.
/// </summary>
public sealed class Phi3() : LlamaFamily("phi3", new LlamaDefaults
{
    Vocabulary = 32064, Width = 3072, HiddenSize = 8192, Positions = 4096, PaddingToken = 32000,
    Norm = new NormOptions { Kind = NormKind.Rms, Epsilon = 1e-5 },
    Rotary = new RotaryKeys { Context = 4096, Types = new Dictionary<string, string> { ["su"] = "longrope", ["yarn"] = "longrope" } },
})
{
    /// <inheritdoc/>
    protected override IReadOnlyList<BlockOptions> Blocks(ConfigKeys keys, BlockOptions block, int layers) => base.Blocks(keys, block with
    {
        Attention = block.Attention with { Window = keys.WholeOrNull("sliding_window", null) ?? 0 },
        Dropout = keys.Probability("resid_pdrop", 0),
    }, layers);

    /// <inheritdoc/>
    protected override void NameAttention(WeightNames names, AttentionOptions attention)
        => names.Same($"{Ours}.attention.qkv", $"{Self}.qkv_proj").Same($"{Ours}.attention.output", $"{Self}.o_proj");

    /// <inheritdoc/>
    protected override void NameFeedForward(WeightNames names, FeedForwardOptions feedForward)
        => names.Same($"{Ours}.feed_forward.up", $"{Layer}.mlp.gate_up_proj").Same($"{Ours}.feed_forward.down", $"{Layer}.mlp.down_proj");
}
