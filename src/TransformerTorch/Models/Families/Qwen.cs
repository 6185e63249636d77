using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// Qwen 2 and 2.5 (Yang et al., 2024): LLaMA with biases on queries, keys and values. Qwen 3 (2025) has none of these unless asked and
/// normalises query and key heads. Layers may have windows.
/// </summary>
public sealed class Qwen : LlamaFamily
{
    private readonly bool _third;

    private Qwen(string modelType, int? headSize) : base(modelType, new LlamaDefaults
    {
        Vocabulary = 151936, HiddenSize = 22016, KeyValueHeads = 32, HeadSize = headSize, Positions = 32768,
        QuestionAnsweringBase = "transformer.",
    }) => _third = headSize is not null;

    /// <summary><c>qwen2</c></summary>
    public static Qwen Second => new("qwen2", headSize: null);

    /// <summary><c>qwen3</c></summary>
    public static Qwen Third => new("qwen3", headSize: 128);

    /// <inheritdoc/>
    protected override IReadOnlyList<BlockOptions> Blocks(ConfigKeys keys, BlockOptions block, int layers)
    {
        var bias = _third && keys.Flag("attention_bias", false);
        var attention = block.Attention with { Bias = !_third || bias, OutputBias = bias, QueryKeyNorm = _third ? block.Norm : null };
        var window = keys.WholeOrNull("sliding_window", 4096);
        var sliding = keys.Flag("use_sliding_window", false) && window is not null;
        var first = keys.Whole("max_window_layers", 28, least: 0);
        var windows = keys.Windows(sliding ? window : null, layers, layer => sliding && layer >= first);
        return [.. windows.Select(w => block with { Attention = attention with { Window = w } })];
    }
}
