using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// LLaMA 1 to 3 (Touvron et al., 2023; Grattafiori et al., 2024): rotary positions, grouped heads, RMS norms before each part, a
/// feed-forward layer gated by SiLU, no biases unless asked.
/// </summary>
public sealed class Llama : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "llama";

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (width, heads) = (keys.Whole("hidden_size", 4096), keys.Whole("num_attention_heads", 32));
        var positions = keys.Whole("max_position_embeddings", 2048);
        var (groups, bias) = (keys.Whole("num_key_value_heads", heads), keys.Flag("attention_bias", false));
        if (!keys.Has("head_dim") && width % heads != 0)
            throw keys.Contradiction($"hidden_size {width} is no multiple of num_attention_heads {heads}");
        if (heads % groups != 0) throw keys.Contradiction($"num_attention_heads {heads} is no multiple of num_key_value_heads {groups}");
        var (task, vocabulary) = (keys.Task(ModelTask.CausalLanguageModel), keys.Whole("vocab_size", 32000));
        var norm = new NormOptions { Kind = NormKind.Rms, Epsilon = keys.Number("rms_norm_eps", 1e-6) };
        var headSize = keys.Whole("head_dim", width / heads);
        var block = new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = groups, HeadSize = headSize, Bias = bias, OutputBias = bias,
                Dropout = keys.Probability("attention_dropout", 0), Rotary = RotaryKeys.Read(keys, headSize, positions),
            },
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = keys.Whole("intermediate_size", 11008), Gated = true, Bias = keys.Flag("mlp_bias", false),
                Activation = keys.ActivationName("hidden_act", "silu"),
            },
            Norm = norm,
        };
        return new ModelConfig
        {
            ModelType = ModelType,
            Published = published,
            ContextLength = positions,
            Task = task,
            Head = keys.Head(task, new HeadOptions { Outputs = vocabulary, Bias = false, Tied = keys.Flag("tie_word_embeddings", false) }),
            Initialization = new Initialization { StandardDeviation = keys.Number("initializer_range", 0.02) },
            Decoder = new StackOptions
            {
                Embeddings = new EmbeddingOptions { VocabularySize = vocabulary, Width = width },
                Blocks = [.. Enumerable.Repeat(block, keys.Whole("num_hidden_layers", 32))],
                FinalNorm = norm,
            },
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        var (attention, hidden) = (config.Main.Blocks[0].Attention, config.Main.Blocks[0].FeedForward.HiddenSize);
        var (queries, keys) = ((long)attention.Heads * attention.HeadSize, (long)attention.KeyValueHeads * attention.HeadSize);
        const string layer = "model.layers.*", self = $"{layer}.self_attn";
        return new WeightNames { BasePrefix = "model." }
            .Same("backbone.embeddings.tokens", "model.embed_tokens")
            .Same("backbone.layers.*.attention_norm", $"{layer}.input_layernorm")
            .Rows("backbone.layers.*.attention.qkv", ($"{self}.q_proj", queries), ($"{self}.k_proj", keys), ($"{self}.v_proj", keys))
            .Same("backbone.layers.*.attention.output", $"{self}.o_proj")
            .Same("backbone.layers.*.feed_forward_norm", $"{layer}.post_attention_layernorm")
            .Rows("backbone.layers.*.feed_forward.up", ($"{layer}.mlp.gate_proj", hidden), ($"{layer}.mlp.up_proj", hidden))
            .Same("backbone.layers.*.feed_forward.down", $"{layer}.mlp.down_proj")
            .Same("backbone.norm", "model.norm")
            .Same("head.output", "lm_head")
            .Ignore(config.TieEmbeddings ? ["rotary_emb.inv_freq", "lm_head.weight"] : ["rotary_emb.inv_freq"]);
    }
}
