using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// Phi 1 to 2 (Gunasekar et al., 2023): attention and a plain feed-forward layer side by side behind one layer norm, biases everywhere,
/// half of each head's features turned.
/// </summary>
public sealed class Phi() : LlamaFamily("phi", new LlamaDefaults
{
    Vocabulary = 51200, Width = 2048, HiddenSize = 8192, Layers = 24, Activation = "gelu_new", Rotary = new RotaryKeys { Partial = 0.5 },
})
{
    /// <inheritdoc/>
    protected override IReadOnlyList<BlockOptions> Blocks(ConfigKeys keys, BlockOptions block, int layers)
    {
        var norm = Norm(keys);
        return base.Blocks(keys, block with
        {
            Attention = block.Attention with
            {
                Bias = true, OutputBias = true, QueryKeyNorm = keys.Flag("qk_layernorm", false) ? norm : null,
            },
            FeedForward = block.FeedForward with { Gated = false, Bias = true },
            Norm = norm, Placement = NormPlacement.Parallel, SharedNorm = true, Dropout = keys.Probability("resid_pdrop", 0),
        }, layers);
    }

    /// <inheritdoc/>
    protected override ModelConfig Adapt(ConfigKeys keys, ModelConfig config) => config with
    {
        Decoder = config.Main with
        {
            Embeddings = config.Main.Embeddings with { Dropout = keys.Probability("embd_pdrop", 0) }, FinalNorm = Norm(keys),
        },
        Head = config.Task == ModelTask.CausalLanguageModel ? config.Head! with { Bias = true } : config.Head,
    };

    private static NormOptions Norm(ConfigKeys keys) => new() { Epsilon = keys.Number("layer_norm_eps", 1e-5) };

    /// <inheritdoc/>
    protected override string FinalNorm => "model.final_layernorm";

    /// <inheritdoc/>
    protected override void NameNorms(WeightNames names) => names
        .Same($"{Ours}.attention_norm", $"{Layer}.input_layernorm")
        .Same($"{Ours}.attention.query_norm", $"{Self}.q_layernorm").Same($"{Ours}.attention.key_norm", $"{Self}.k_layernorm");

    /// <inheritdoc/>
    protected override string Output => "dense";

    /// <inheritdoc/>
    protected override void NameFeedForward(WeightNames names, FeedForwardOptions feedForward)
        => names.Same($"{Ours}.feed_forward.up", $"{Layer}.mlp.fc1").Same($"{Ours}.feed_forward.down", $"{Layer}.mlp.fc2");
}
