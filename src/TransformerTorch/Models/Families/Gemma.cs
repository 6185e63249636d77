using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// Gemma (Mesnard et al., 2024): LLaMA with scaled embeddings, norms stored as differences from one, heads of a size of their own.
/// Gemma 2 (Riviere et al., 2024) adds norms after each part, soft caps and windows in every other layer; Gemma 3 (2025, text) has
/// windows in five of six, with a shorter rotary base there, and normalises query and key heads in place of the caps.
/// </summary>
public sealed class Gemma : LlamaFamily
{
    private readonly int _generation;

    private Gemma(int generation, string modelType, LlamaDefaults numbers) : base(modelType, numbers with
    {
        Norm = new NormOptions { Kind = NormKind.Rms, Epsilon = 1e-6, UnitOffset = true }, HeadSize = 256, Tied = true, PaddingToken = 0,
        Activation = "gelu_pytorch_tanh",
    }) => _generation = generation;

    private static LlamaDefaults Larger { get; } = new() { Width = 2304, HiddenSize = 9216, Layers = 26, Heads = 8, KeyValueHeads = 4 };

    /// <summary><c>gemma</c></summary>
    public static Gemma First => new(1, "gemma", new LlamaDefaults
    {
        Vocabulary = 256000, Width = 3072, HiddenSize = 24576, Layers = 28, Heads = 16, KeyValueHeads = 16, Positions = 8192,
    });

    /// <summary><c>gemma2</c></summary>
    public static Gemma Second => new(2, "gemma2", Larger with { Vocabulary = 256000, Positions = 8192 });

    /// <summary><c>gemma3_text</c></summary>
    public static Gemma Third => new(3, "gemma3_text", Larger with
    {
        Vocabulary = 262208, Positions = 131072, Rotary = new RotaryKeys { Theta = 1e6, LayerType = "full_attention" },
    });

    /// <inheritdoc/>
    protected override IReadOnlyList<BlockOptions> Blocks(ConfigKeys keys, BlockOptions block, int layers)
    {
        var bias = keys.Flag("attention_bias", false);
        var attention = block.Attention with { Bias = bias, OutputBias = bias };
        if (_generation == 1) return base.Blocks(keys, block with { Attention = attention }, layers);
        var pattern = _generation == 2 ? 2 : keys.Whole("sliding_window_pattern", 6);
        var bothWays = keys.Flag("use_bidirectional_attention", false);
        if (bothWays && _generation == 2) throw keys.Wrong("use_bidirectional_attention", "false: this is a decoder");
        attention = attention with
        {
            Scale = 1 / Math.Sqrt(keys.Number("query_pre_attn_scalar", 256)), Causal = attention.Causal && !bothWays,
            SoftCap = _generation == 2 ? SoftCap(keys) : 0,
            QueryKeyNorm = _generation == 3 ? block.Norm : null,
        };
        var local = _generation == 2 ? attention.Rotary : new RotaryKeys
        {
            Theta = 1e4, ThetaKey = "rope_local_base_freq", LayerType = "sliding_attention", Scaled = false,
        }.Read(keys, attention.HeadSize, keys.Whole("max_position_embeddings", 131072));
        var window = keys.WholeOrNull("sliding_window", 4096);
        if (bothWays) window = (window / 2) + 1;
        return [.. keys.Windows(window, layers, layer => (layer + 1) % pattern != 0).Select(w => block with
        {
            Attention = attention with { Window = w, Rotary = w > 0 ? local : attention.Rotary }, Placement = NormPlacement.Sandwich,
        })];
    }

    /// <summary>
    /// The cap on scores: as the paper has it only where the configuration asks for <c>eager</c> attention, for the reference leaves it
    /// out in its usual kernel, which has none.
    /// </summary>
    private static double SoftCap(ConfigKeys keys)
    {
        var cap = keys.NumberOrNull("attn_logit_softcapping", 50) ?? 0;
        return keys.Text("attn_implementation", "sdpa") == "eager" ? cap : 0;
    }

    /// <inheritdoc/>
    protected override ModelConfig Adapt(ConfigKeys keys, ModelConfig config)
    {
        var cap = _generation == 1 ? null : keys.NumberOrNull("final_logit_softcapping", _generation == 2 ? 30 : null);
        var embeddings = config.Main.Embeddings;
        return config with
        {
            Decoder = config.Main with { Embeddings = embeddings with { Scale = Math.Sqrt(embeddings.Width), RoundsScale = true } },
            Head = config.Task == ModelTask.CausalLanguageModel ? config.Head! with { SoftCap = cap ?? 0 } : config.Head,
        };
    }

    /// <inheritdoc/>
    protected override void NameNorms(WeightNames names)
    {
        if (_generation == 1)
        {
            base.NameNorms(names);
            return;
        }
        names.Same($"{Ours}.attention_norm", $"{Layer}.input_layernorm")
            .Same($"{Ours}.attention_output_norm", $"{Layer}.post_attention_layernorm")
            .Same($"{Ours}.feed_forward_norm", $"{Layer}.pre_feedforward_layernorm")
            .Same($"{Ours}.feed_forward_output_norm", $"{Layer}.post_feedforward_layernorm")
            .Same($"{Ours}.attention.query_norm", $"{Self}.q_norm").Same($"{Ours}.attention.key_norm", $"{Self}.k_norm");
    }
}
