using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// OPT (Zhang et al., 2022) and Galactica: learned positions whose table begins two rows early, ReLU; norms before each part, or after it
/// (350M), where the token table may be narrower than the stream.
/// </summary>
public sealed class Opt : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "opt";

    /// <inheritdoc/>
    public string ClassName(ModelTask task) => "OPT" + Architecture.Ending(task);

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (width, heads) = (keys.Whole("hidden_size", 768), keys.Whole("num_attention_heads", 12));
        var (table, positions) = (keys.Whole("word_embed_proj_dim", width), keys.Whole("max_position_embeddings", 2048));
        var (task, vocabulary) = (keys.Task(ModelTask.CausalLanguageModel), keys.Whole("vocab_size", 50272));
        var (before, bias) = (keys.Flag("do_layer_norm_before", true), keys.Flag("enable_bias", true));
        var norm = new NormOptions { Affine = keys.Flag("layer_norm_elementwise_affine", true) };
        var block = new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = heads, Bias = bias, OutputBias = bias,
                HeadSize = keys.HeadSize(("hidden_size", width), ("num_attention_heads", heads)),
                Dropout = keys.Probability("attention_dropout", 0),
            },
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = keys.Whole("ffn_dim", 3072), Bias = bias,
                Activation = keys.ActivationName("activation_function", "relu"),
            },
            Norm = norm, Placement = before ? NormPlacement.Pre : NormPlacement.Post, Dropout = keys.Probability("dropout", 0.1),
        };
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, ContextLength = positions, Task = task, Pooling = Pooling.Last,
            Head = keys.DecoderHead(task, vocabulary, tied: true),
            Initialization = new Initialization { StandardDeviation = keys.Number("init_std", 0.02) },
            Decoder = new StackOptions
            {
                Embeddings = new EmbeddingOptions
                {
                    VocabularySize = vocabulary, Width = width, Positions = positions, PositionOffset = 2,
                    TableWidth = table, Projection = table == width ? EmbeddingProjection.None : EmbeddingProjection.Tokens,
                    ProjectionBias = false, PositionSource = PositionSource.MaskElseBefore, PaddingToken = keys.Token("pad_token_id", 1),
                },
                Blocks = [.. Enumerable.Repeat(block, keys.Whole("num_hidden_layers", 12))],
                FinalNorm = before && !keys.Flag("_remove_final_layer_norm", false) ? norm : null,
                OutputWidth = table == width ? 0 : table,
            },
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        const string ours = "backbone.layers.*", layer = "model.decoder.layers.*", self = $"{layer}.self_attn";
        var width = config.Main.Embeddings.Width;
        return new WeightNames { BasePrefix = "model." }
            .Same("backbone.embeddings.tokens", "model.decoder.embed_tokens")
            .Same("backbone.embeddings.positions", "model.decoder.embed_positions")
            .Same("backbone.embeddings.projection", "model.decoder.project_in").Same("backbone.projection", "model.decoder.project_out")
            .Same($"{ours}.attention_norm", $"{layer}.self_attn_layer_norm")
            .Rows($"{ours}.attention.qkv", ($"{self}.q_proj", width), ($"{self}.k_proj", width), ($"{self}.v_proj", width))
            .Same($"{ours}.attention.output", $"{self}.out_proj")
            .Same($"{ours}.feed_forward_norm", $"{layer}.final_layer_norm")
            .Same($"{ours}.feed_forward.up", $"{layer}.fc1").Same($"{ours}.feed_forward.down", $"{layer}.fc2")
            .Same("backbone.norm", "model.decoder.final_layer_norm")
            .DecoderHead(config);
    }
}
