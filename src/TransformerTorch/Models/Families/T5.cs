using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// T5 (Raffel et al., 2020), its version 1.1, Flan, CodeT5, mT5 (Xue et al., 2021) and UMT5 (Chung et al., 2023), whose layers each learn
/// terms of their own: an encoder and a decoder, RMS norms before each part, positions as learned terms of the scores by distance, scores
/// not scaled, no biases. One page for all that publish themselves as <c>t5</c>, <c>mt5</c> or <c>umt5</c>; some classes have the encoder
/// alone.
/// </summary>
public sealed class T5(string modelType = "t5") : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => modelType;

    /// <inheritdoc/>
    public string ClassName(ModelTask task) => modelType.ToUpperInvariant() + Architecture.Ending(task);

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var first = modelType == "t5";
        var (width, heads, size) = (keys.Whole("d_model", 512), keys.Whole("num_heads", first ? 8 : 6), keys.Whole("d_kv", 64));
        var vocabulary = keys.Whole("vocab_size", first ? 32128 : 250112);
        var (gated, activation) = FeedForward(keys, first ? "relu" : "gated-gelu");
        var dropout = keys.Probability("dropout_rate", 0.1);
        var norm = new NormOptions { Kind = NormKind.Rms, Epsilon = keys.Number("layer_norm_epsilon", 1e-6) };
        // The key says less than its name: it tells version 1, which scales; a head apart is seen in the checkpoint.
        var scales = modelType != "mt5" && keys.Flag("scale_decoder_outputs", keys.Flag("tie_word_embeddings", true));
        var attention = new AttentionOptions
        {
            Width = width, Heads = heads, KeyValueHeads = heads, HeadSize = size, Bias = false, OutputBias = false, Causal = false,
            Scale = 1, Dropout = dropout,
        };
        var block = new BlockOptions
        {
            Attention = attention,
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = keys.Whole("d_ff", first ? 2048 : 1024), Gated = gated, Activation = activation, Bias = false,
                Dropout = dropout,
            },
            Norm = norm, Dropout = dropout,
        };
        var stack = new StackOptions
        {
            Embeddings = new EmbeddingOptions { VocabularySize = vocabulary, Width = width, Dropout = dropout },
            Blocks = [.. Enumerable.Repeat(block, keys.Whole("num_layers", first ? 6 : 8))],
            FinalNorm = norm, FinalDropout = dropout,
            RelativeBias = new RelativeBiasOptions
            {
                Heads = heads, Buckets = keys.Whole("relative_attention_num_buckets", 32),
                MaxDistance = keys.Whole("relative_attention_max_distance", 128), Bidirectional = true,
                PerLayer = modelType == "umt5",
            },
        };
        var writing = block with { Attention = attention with { Causal = true }, CrossAttention = attention with { Cross = true } };
        var task = keys.Task(ModelTask.SequenceToSequence);
        var encodes = task == ModelTask.TokenClassification || keys.Architecture().EndsWith("EncoderModel", StringComparison.Ordinal);
        var head = keys.Head(task, new HeadOptions
        {
            Outputs = vocabulary, Bias = false, Tied = true, Scale = scales ? 1 / Math.Sqrt(width) : 1,
        }, keys.Probability("classifier_dropout", 0));
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, ContextLength = int.MaxValue,
            Pooling = Pooling.EndToken,
            Encoder = stack,
            Decoder = encodes ? null : stack with
            {
                Blocks = [.. Enumerable.Repeat(writing, keys.Whole("num_decoder_layers", stack.Blocks.Count))],
                RelativeBias = stack.RelativeBias with { Bidirectional = false },
            },
            Head = task == ModelTask.SequenceClassification ? head! with { Features = width } : head,
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        var prefix = config.Task is ModelTask.SequenceClassification or ModelTask.TokenClassification ? "transformer." : "";
        var names = new WeightNames { BasePrefix = prefix }
            .Same("backbone.shared", $"{prefix}shared")
            .Same("backbone.embeddings.tokens", $"{prefix}shared")
            .Same("head.dense", "classification_head.dense")
            .Same("head.output", config.Task switch
            {
                ModelTask.SequenceClassification => "classification_head.out_proj",
                ModelTask.TokenClassification => "classifier",
                ModelTask.QuestionAnswering => "qa_outputs",
                _ => "lm_head",
            })
            .Also("shared.weight", "encoder.embed_tokens.weight").Also("shared.weight", "decoder.embed_tokens.weight")
            .Ignore("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight");
        if (config.Task != ModelTask.SequenceToSequence || config.TieEmbeddings) names.Ignore("lm_head.weight");
        var block = config.Main.Blocks[0];
        Stack(names, config.Decoder is null ? "backbone" : "backbone.encoder", $"{prefix}encoder", block, feedForward: 1);
        if (config.Decoder is not null) Stack(names, "backbone.decoder", $"{prefix}decoder", block, feedForward: 2);
        return names;
    }

    private static void Stack(WeightNames names, string owner, string stack, BlockOptions block, int feedForward)
    {
        string ours = $"{owner}.layers.*", published = $"{stack}.block.*.layer", self = $"{published}.0.SelfAttention",
            cross = $"{published}.1.EncDecAttention", feed = $"{published}.{feedForward}";
        var (rows, hidden) = ((long)block.Attention.Heads * block.Attention.HeadSize, block.FeedForward.HiddenSize);
        names.Same($"{owner}.relative_bias.*", $"{self}.relative_attention_bias")
            .Same($"{ours}.attention_norm", $"{published}.0.layer_norm")
            .Rows($"{ours}.attention.qkv", ($"{self}.q", rows), ($"{self}.k", rows), ($"{self}.v", rows))
            .Same($"{ours}.attention.output", $"{self}.o")
            .Same($"{ours}.cross_attention_norm", $"{published}.1.layer_norm")
            .Same($"{ours}.cross_attention.query", $"{cross}.q")
            .Rows($"{ours}.cross_attention.key_value", ($"{cross}.k", rows), ($"{cross}.v", rows))
            .Same($"{ours}.cross_attention.output", $"{cross}.o")
            .Same($"{ours}.feed_forward_norm", $"{feed}.layer_norm")
            .Same($"{ours}.feed_forward.down", $"{feed}.DenseReluDense.wo")
            .Same($"{owner}.norm", $"{stack}.final_layer_norm");
        if (block.FeedForward.Gated)
            names.Rows($"{ours}.feed_forward.up", ($"{feed}.DenseReluDense.wi_0", hidden), ($"{feed}.DenseReluDense.wi_1", hidden));
        else names.Same($"{ours}.feed_forward.up", $"{feed}.DenseReluDense.wi");
    }

    private static (bool Gated, string Activation) FeedForward(ConfigKeys keys, string otherwise)
        => keys.OneOf("feed_forward_proj", Activation.Names.SelectMany(name => (string[])[name, $"gated-{name}"]), otherwise) switch
        {
            "gated-gelu" => (true, "gelu_new"), // so named, and meant so
            ['g', 'a', 't', 'e', 'd', '-', .. var name] => (true, name),
            var name => (false, name),
        };
}
