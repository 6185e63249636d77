using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// GPT-2 (Radford et al., 2019, "Language Models are Unsupervised Multitask Learners"): learned positions, norms before each part and
/// after the last, GELU by tanh, a head tied to the token table. Published weights of projections are (in, out).
/// </summary>
public sealed class Gpt2 : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "gpt2";

    /// <inheritdoc/>
    public string ClassName(ModelTask task)
        => task == ModelTask.CausalLanguageModel ? "GPT2LMHeadModel" : "GPT2" + Architecture.Ending(task);

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (widthKey, headsKey) = (keys.Name("n_embd", "hidden_size"), keys.Name("n_head", "num_attention_heads"));
        var (width, heads) = (keys.Whole(widthKey, 768), keys.Whole(headsKey, 12));
        var layers = keys.Whole(keys.Name("n_layer", "num_hidden_layers"), 12);
        var positions = keys.Whole(keys.Name("n_positions", "max_position_embeddings"), 1024);
        var size = keys.HeadSize((widthKey, width), (headsKey, heads));
        var task = keys.Task(ModelTask.CausalLanguageModel);
        var vocabulary = keys.Whole("vocab_size", 50257);
        var norm = new NormOptions { Epsilon = keys.Number("layer_norm_epsilon", 1e-5) };
        if (keys.Flag("add_cross_attention", false)) throw keys.Wrong("add_cross_attention", "false: this decoder has no encoder");
        var byLayer = keys.Flag("scale_attn_by_inverse_layer_idx", false);
        var scale = keys.Flag("scale_attn_weights", true) ? 1 / Math.Sqrt(size) : 1;
        var block = new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = heads, HeadSize = size,
                Dropout = keys.Probability("attn_pdrop", 0.1),
            },
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = keys.Whole("n_inner", 4 * width),
                Activation = keys.ActivationName("activation_function", "gelu_new"),
            },
            Norm = norm,
            Dropout = keys.Probability("resid_pdrop", 0.1),
        };
        return new ModelConfig
        {
            ModelType = ModelType,
            Published = published,
            ContextLength = positions,
            Task = task,
            Pooling = Pooling.Last,
            Head = keys.DecoderHead(task, vocabulary, tied: true),
            Initialization = new Initialization { StandardDeviation = keys.Number("initializer_range", 0.02), ScaleResidual = true },
            Decoder = new StackOptions
            {
                Embeddings = new EmbeddingOptions
                {
                    VocabularySize = vocabulary, Width = width, Positions = positions,
                    Dropout = keys.Probability("embd_pdrop", 0.1),
                },
                Blocks = [.. Enumerable.Range(1, layers).Select(n => Scaled(block, byLayer ? scale / n : scale))],
                FinalNorm = norm,
            },
        };
    }

    private static BlockOptions Scaled(BlockOptions block, double scale)
        => block with { Attention = block.Attention with { Scale = scale } };

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config) => new WeightNames { BasePrefix = "transformer." }
        .Same("backbone.embeddings.tokens", "transformer.wte")
        .Same("backbone.embeddings.positions", "transformer.wpe")
        .Same("backbone.layers.*.attention_norm", "transformer.h.*.ln_1")
        .Transposed("backbone.layers.*.attention.qkv", "transformer.h.*.attn.c_attn")
        .Transposed("backbone.layers.*.attention.output", "transformer.h.*.attn.c_proj")
        .Same("backbone.layers.*.feed_forward_norm", "transformer.h.*.ln_2")
        .Transposed("backbone.layers.*.feed_forward.up", "transformer.h.*.mlp.c_fc")
        .Transposed("backbone.layers.*.feed_forward.down", "transformer.h.*.mlp.c_proj")
        .Same("backbone.norm", "transformer.ln_f")
        .Ignore(".attn.bias", ".attn.masked_bias")
        .DecoderHead(config, tokens: "classifier");
}
