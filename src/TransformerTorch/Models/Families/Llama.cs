using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>LLaMA 1 to 3 (Touvron et al., 2023; Grattafiori et al., 2024), with biases where asked.</summary>
public sealed class Llama() : LlamaFamily("llama", new LlamaDefaults { QuestionAnsweringBase = "transformer." })
{
    /// <inheritdoc/>
    protected override IReadOnlyList<BlockOptions> Blocks(ConfigKeys keys, BlockOptions block, int layers)
    {
        var bias = keys.Flag("attention_bias", false);
        return base.Blocks(keys, block with
        {
            Attention = block.Attention with { Bias = bias, OutputBias = bias },
            FeedForward = block.FeedForward with { Bias = keys.Flag("mlp_bias", false) },
        }, layers);
    }
}
