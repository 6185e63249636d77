using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// BLOOM (Le Scao et al., 2022): scores that fall with distance (ALiBi) in place of positions, normalised embeddings; queries, keys and
/// values published head by head.
/// </summary>
public sealed class Bloom : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "bloom";

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (widthKey, headsKey) = (keys.Name("n_embed", "hidden_size"), keys.Name("n_head", "num_attention_heads"));
        var (width, heads) = (keys.Whole(widthKey, 64), keys.Whole(headsKey, 8));
        var (task, vocabulary) = (keys.Task(ModelTask.CausalLanguageModel), keys.Whole("vocab_size", 250880));
        var norm = new NormOptions { Epsilon = keys.Number("layer_norm_epsilon", 1e-5) };
        var block = new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = heads, HeadSize = keys.HeadSize((widthKey, width), (headsKey, heads)),
                Dropout = keys.Probability("attention_dropout", 0),
            },
            FeedForward = new FeedForwardOptions { Width = width, HiddenSize = 4 * width, Activation = "gelu_new" },
            Norm = norm, Dropout = keys.Probability("hidden_dropout", 0),
            ResidualFromNorm = keys.Flag("apply_residual_connection_post_layernorm", false),
        };
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, ContextLength = int.MaxValue, Task = task, Pooling = Pooling.Last,
            Head = keys.DecoderHead(task, vocabulary, tied: true),
            Initialization = new Initialization { StandardDeviation = keys.Number("initializer_range", 0.02) },
            Decoder = new StackOptions
            {
                Embeddings = new EmbeddingOptions { VocabularySize = vocabulary, Width = width, Norm = norm },
                Blocks = [.. Enumerable.Repeat(block, keys.Whole(keys.Name("n_layer", "num_hidden_layers"), 2))],
                FinalNorm = norm, Alibi = true,
            },
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        const string ours = "backbone.layers.*", layer = "transformer.h.*";
        return new WeightNames { BasePrefix = "transformer." }
            .Same("backbone.embeddings.tokens", "transformer.word_embeddings")
            .Same("backbone.embeddings.norm", "transformer.word_embeddings_layernorm")
            .Same($"{ours}.attention_norm", $"{layer}.input_layernorm")
            .RowsByHead($"{ours}.attention.qkv", $"{layer}.self_attention.query_key_value", config.Main.Blocks[0].Attention.Heads)
            .Same($"{ours}.attention.output", $"{layer}.self_attention.dense")
            .Same($"{ours}.feed_forward_norm", $"{layer}.post_attention_layernorm")
            .Same($"{ours}.feed_forward.up", $"{layer}.mlp.dense_h_to_4h").Same($"{ours}.feed_forward.down", $"{layer}.mlp.dense_4h_to_h")
            .Same("backbone.norm", "transformer.ln_f")
            .DecoderHead(config, tokens: "classifier");
    }
}
