using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// Mixtral (Jiang et al., 2024): Mistral whose feed-forward layers are experts, of which a router gives each token to a few.
/// </summary>
public sealed class Mixtral() : LlamaFamily("mixtral", new LlamaDefaults
{
    HiddenSize = 14336, KeyValueHeads = 8, Positions = 131072, Rotary = new RotaryKeys { Theta = 1e6 },
    Norm = new NormOptions { Kind = NormKind.Rms, Epsilon = 1e-5 },
})
{
    /// <inheritdoc/>
    protected override IReadOnlyList<BlockOptions> Blocks(ConfigKeys keys, BlockOptions block, int layers) => base.Blocks(keys, block with
    {
        Attention = block.Attention with { Window = keys.WholeOrNull("sliding_window", null) ?? 0 },
        FeedForward = block.FeedForward with
        {
            Experts = new ExpertOptions
            {
                Count = keys.Whole("num_local_experts", 8), PerToken = keys.Whole("num_experts_per_tok", 2),
                Jitter = keys.Probability("router_jitter_noise", 0),
            },
        },
    }, layers);

    /// <inheritdoc/>
    protected override ModelConfig Adapt(ConfigKeys keys, ModelConfig config)
    {
        var weight = keys.Number("router_aux_loss_coef", 0.001);
        return config with { RouterLoss = keys.Flag("output_router_logits", false) ? weight : 0 };
    }

    /// <inheritdoc/>
    protected override void NameFeedForward(WeightNames names, FeedForwardOptions feedForward)
    {
        const string published = $"{Layer}.block_sparse_moe", whole = $"{Layer}.mlp";
        var (count, hidden, width) = (feedForward.Experts!.Count, feedForward.HiddenSize, feedForward.Width);
        names.Exact($"{Ours}.feed_forward.router.weight", $"{published}.gate.weight", $"{whole}.gate.weight")
            .Experts($"{Ours}.feed_forward.up", $"{whole}.experts.gate_up_proj", count,
                ($"{published}.experts.#.w1.weight", hidden), ($"{published}.experts.#.w3.weight", hidden))
            .Experts($"{Ours}.feed_forward.down", $"{whole}.experts.down_proj", count, ($"{published}.experts.#.w2.weight", width));
    }
}
