using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// SmolLM 3 (Bakouch et al., 2025): LLaMA whose every fourth layer has no positions (Yang et al., 2025, "RoPE to NoPE and back"), and a
/// window there where asked.
/// </summary>
public sealed class SmolLm3() : LlamaFamily("smollm3", new LlamaDefaults
{
    Vocabulary = 128256, Width = 2048, Layers = 36, Heads = 16, KeyValueHeads = 4, Positions = 32768, Tied = true, PaddingToken = 128004,
    Rotary = new RotaryKeys { Theta = 2e6 }, QuestionAnsweringBase = "transformer.",
}), IModelFamily
{
    /// <inheritdoc/>
    public string ClassName(ModelTask task) => "SmolLM3" + Architecture.Ending(task);

    /// <inheritdoc/>
    protected override IReadOnlyList<BlockOptions> Blocks(ConfigKeys keys, BlockOptions block, int layers)
    {
        var bias = keys.Flag("attention_bias", false);
        block = block with
        {
            Attention = block.Attention with { Bias = bias, OutputBias = bias },
            FeedForward = block.FeedForward with { Bias = keys.Flag("mlp_bias", false) },
        };
        var every = keys.Whole("no_rope_layer_interval", 4);
        var turns = keys.Has("no_rope_layers") ? keys.Numbers("no_rope_layers")
            : [.. Enumerable.Range(1, layers).Select(layer => layer % every == 0 ? 0.0 : 1)];
        if (turns.Count < layers) throw keys.Wrong("no_rope_layers", $"0 or 1 for each of {layers} layers");
        var window = keys.WholeOrNull("sliding_window", null);
        var sliding = keys.Flag("use_sliding_window", false) && window is not null;
        return [.. keys.Windows(sliding ? window : null, layers, layer => sliding && turns[layer] == 0).Select((w, layer) => block with
        {
            Attention = block.Attention with { Window = w, Rotary = turns[layer] == 0 ? null : block.Attention.Rotary },
        })];
    }
}
