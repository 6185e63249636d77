using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// StarCoder 2 (Lozhkov et al., 2024): grouped heads and rotary positions as LLaMA has them, with layer norms, biases, a plain feed-forward
/// layer, and a window where asked.
/// </summary>
public sealed class StarCoder2() : LlamaFamily("starcoder2", new LlamaDefaults
{
    Vocabulary = 49152, Width = 3072, HiddenSize = 12288, Layers = 30, Heads = 24, KeyValueHeads = 2, Positions = 4096, Tied = true,
    Activation = "gelu_pytorch_tanh",
})
{
    /// <inheritdoc/>
    protected override IReadOnlyList<BlockOptions> Blocks(ConfigKeys keys, BlockOptions block, int layers)
    {
        var bias = keys.Flag("use_bias", true);
        return base.Blocks(keys, block with
        {
            Attention = block.Attention with { Bias = bias, OutputBias = bias, Window = keys.WholeOrNull("sliding_window", null) ?? 0 },
            FeedForward = block.FeedForward with { Gated = false, Bias = bias },
            Norm = Norm(keys), Dropout = keys.Probability("residual_dropout", 0),
        }, layers);
    }

    /// <inheritdoc/>
    protected override ModelConfig Adapt(ConfigKeys keys, ModelConfig config) => config with
    {
        Decoder = config.Main with
        {
            Embeddings = config.Main.Embeddings with { Dropout = keys.Probability("embedding_dropout", 0) }, FinalNorm = Norm(keys),
        },
    };

    private static NormOptions Norm(ConfigKeys keys) => new() { Epsilon = keys.Number("norm_epsilon", 1e-5) };

    /// <inheritdoc/>
    protected override void NameFeedForward(WeightNames names, FeedForwardOptions feedForward)
        => names.Same($"{Ours}.feed_forward.up", $"{Layer}.mlp.c_fc").Same($"{Ours}.feed_forward.down", $"{Layer}.mlp.c_proj");
}
