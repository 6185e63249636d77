using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// ModernBERT (Warner et al., 2024): rotary positions, norms before each part but the very first, gated feed-forward layers, no biases;
/// most layers see only a window, and turn by another base than those that see all.
/// </summary>
public sealed class ModernBert : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "modernbert";

    /// <inheritdoc/>
    public string ClassName(ModelTask task) => "ModernBert" + Architecture.Ending(task);

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (width, heads) = (keys.Whole("hidden_size", 768), keys.Whole("num_attention_heads", 12));
        var (layers, positions) = (keys.Whole("num_hidden_layers", 22), keys.Whole("max_position_embeddings", 8192));
        var size = keys.HeadSize(("hidden_size", width), ("num_attention_heads", heads));
        var norm = new NormOptions { Epsilon = keys.Number("norm_eps", 1e-5), Bias = keys.Flag("norm_bias", false) };
        var (bias, dropout) = (keys.Flag("attention_bias", false), keys.Probability("attention_dropout", 0));
        var whole = new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = heads, HeadSize = size, Causal = false, Bias = bias, OutputBias = bias,
                Dropout = dropout, Rotary = Rotary("full_attention", "global_rope_theta", 160_000),
            },
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = keys.Whole("intermediate_size", 1152), Gated = true, Bias = keys.Flag("mlp_bias", false),
                Activation = keys.ActivationName("hidden_activation", "gelu"), Dropout = keys.Probability("mlp_dropout", 0),
            },
            Norm = norm,
        };
        var window = (keys.Whole("local_attention", 128) / 2) + 1; // as many to either side, and itself
        var local = whole with
        {
            Attention = whole.Attention with { Window = window, Rotary = Rotary("sliding_attention", "local_rope_theta", 10_000) },
        };
        var every = keys.Whole("global_attn_every_n_layers", 3);
        var windows = keys.Windows(window, layers, layer => layer % every != 0);
        var (task, vocabulary) = (keys.Task(ModelTask.MaskedLanguageModel), keys.Whole("vocab_size", 50368));
        var features = new HeadOptions
        {
            Outputs = vocabulary, Features = width, FeatureBias = keys.Flag("classifier_bias", false), Norm = norm,
            Activation = keys.ActivationName("classifier_activation", "gelu"),
        };
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, ContextLength = positions,
            Initialization = new Initialization { StandardDeviation = keys.Number("initializer_range", 0.02), ScaleResidual = true },
            Encoder = new StackOptions
            {
                Embeddings = new EmbeddingOptions
                {
                    VocabularySize = vocabulary, Width = width, PositionSource = PositionSource.Index, Norm = norm,
                    PaddingToken = keys.Token("pad_token_id", 50283), Dropout = keys.Probability("embedding_dropout", 0),
                },
                Blocks = [.. windows.Select((w, i) => (w > 0 ? local : whole) with { AttentionNorm = i > 0 })],
                FinalNorm = norm, PaddingIsScored = task == ModelTask.QuestionAnswering,
            },
            Head = task switch
            {
                ModelTask.Bare => null,
                ModelTask.MaskedLanguageModel
                    => features with { Bias = keys.Flag("decoder_bias", true), Tied = keys.Flag("tie_word_embeddings", true) },
                _ => features with
                {
                    Outputs = keys.Head(task, features)!.Outputs, Dropout = keys.Probability("classifier_dropout", 0),
                },
            },
            Pooling = keys.OneOf("classifier_pooling", ["cls", "mean"], "cls") == "mean" ? Pooling.Mean : Pooling.First,
        };

        RotaryOptions Rotary(string type, string thetaKey, double theta)
            => new RotaryKeys { LayerType = type, ThetaKey = thetaKey, Theta = theta }.Read(keys, size, positions);
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        const string ours = "backbone.layers.*", layer = "model.layers.*";
        var scores = config.Task == ModelTask.MaskedLanguageModel ? "decoder" : "classifier";
        var names = new WeightNames { BasePrefix = "model." }
            .Same("backbone.embeddings.tokens", "model.embeddings.tok_embeddings")
            .Same("backbone.embeddings.norm", "model.embeddings.norm")
            .Same($"{ours}.attention_norm", $"{layer}.attn_norm")
            .Same($"{ours}.attention.qkv", $"{layer}.attn.Wqkv")
            .Same($"{ours}.attention.output", $"{layer}.attn.Wo")
            .Same($"{ours}.feed_forward_norm", $"{layer}.mlp_norm")
            .Same($"{ours}.feed_forward.up", $"{layer}.mlp.Wi")
            .Same($"{ours}.feed_forward.down", $"{layer}.mlp.Wo")
            .Same("backbone.norm", "model.final_norm")
            .Same("head.dense", "head.dense").Same("head.norm", "head.norm").Same("head.output", scores).Same("head", scores);
        return config.TieEmbeddings ? names.Ignore("decoder.weight") : names;
    }
}
