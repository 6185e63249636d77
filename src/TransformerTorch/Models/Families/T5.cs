using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// T5 (Raffel et al., 2020) and its version 1.1: an encoder and a decoder, RMS norms before each part, positions as learned terms of the
/// scores by distance, scores not scaled, no biases. One page for all that publish themselves as <c>t5</c> or <c>mt5</c>.
/// </summary>
public sealed class T5(string modelType = "t5") : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => modelType;

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (width, heads, size) = (keys.Whole("d_model", 512), keys.Whole("num_heads", 8), keys.Whole("d_kv", 64));
        var vocabulary = keys.Whole("vocab_size", 32128);
        var (gated, activation) = FeedForward(keys, modelType == "t5" ? "relu" : "gated-gelu");
        var dropout = keys.Probability("dropout_rate", 0.1);
        var norm = new NormOptions { Kind = NormKind.Rms, Epsilon = keys.Number("layer_norm_epsilon", 1e-6) };
        var tied = keys.Flag("tie_word_embeddings", true);
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
                Width = width, HiddenSize = keys.Whole("d_ff", 2048), Gated = gated, Activation = activation, Bias = false,
                Dropout = dropout,
            },
            Norm = norm, Dropout = dropout,
        };
        var stack = new StackOptions
        {
            Embeddings = new EmbeddingOptions { VocabularySize = vocabulary, Width = width, Dropout = dropout },
            Blocks = [.. Enumerable.Repeat(block, keys.Whole("num_layers", 6))],
            FinalNorm = norm, FinalDropout = dropout,
            RelativeBias = new RelativeBiasOptions
            {
                Heads = heads, Buckets = keys.Whole("relative_attention_num_buckets", 32),
                MaxDistance = keys.Whole("relative_attention_max_distance", 128), Bidirectional = true,
            },
        };
        var writing = block with { Attention = attention with { Causal = true }, CrossAttention = attention with { Cross = true } };
        var task = keys.Task(ModelTask.SequenceToSequence);
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, ContextLength = int.MaxValue,
            Encoder = stack,
            Decoder = stack with
            {
                Blocks = [.. Enumerable.Repeat(writing, keys.Whole("num_decoder_layers", stack.Blocks.Count))],
                RelativeBias = stack.RelativeBias with { Bidirectional = false },
            },
            Head = keys.Head(task, new HeadOptions
            {
                Outputs = vocabulary, Bias = false, Tied = tied, Scale = tied ? 1 / Math.Sqrt(width) : 1,
            }),
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        var names = new WeightNames()
            .Same("backbone.shared", "shared")
            .Same("head.output", "lm_head")
            .Ignore("encoder.embed_tokens.weight", "decoder.embed_tokens.weight");
        if (config.TieEmbeddings) names.Ignore("lm_head.weight");
        Stack(names, "encoder", config.Main.Blocks[0], feedForward: 1);
        Stack(names, "decoder", config.Main.Blocks[0], feedForward: 2);
        return names;
    }

    private static void Stack(WeightNames names, string stack, BlockOptions block, int feedForward)
    {
        string ours = $"backbone.{stack}.layers.*", published = $"{stack}.block.*.layer", self = $"{published}.0.SelfAttention",
            cross = $"{published}.1.EncDecAttention", feed = $"{published}.{feedForward}";
        var (rows, hidden) = ((long)block.Attention.Heads * block.Attention.HeadSize, block.FeedForward.HiddenSize);
        names.Exact($"backbone.{stack}.relative_bias.weight", $"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight")
            .Same($"{ours}.attention_norm", $"{published}.0.layer_norm")
            .Rows($"{ours}.attention.qkv", ($"{self}.q", rows), ($"{self}.k", rows), ($"{self}.v", rows))
            .Same($"{ours}.attention.output", $"{self}.o")
            .Same($"{ours}.cross_attention_norm", $"{published}.1.layer_norm")
            .Same($"{ours}.cross_attention.query", $"{cross}.q")
            .Rows($"{ours}.cross_attention.key_value", ($"{cross}.k", rows), ($"{cross}.v", rows))
            .Same($"{ours}.cross_attention.output", $"{cross}.o")
            .Same($"{ours}.feed_forward_norm", $"{feed}.layer_norm")
            .Same($"{ours}.feed_forward.down", $"{feed}.DenseReluDense.wo")
            .Same($"backbone.{stack}.norm", $"{stack}.final_layer_norm");
        if (block.FeedForward.Gated)
            names.Rows($"{ours}.feed_forward.up", ($"{feed}.DenseReluDense.wi_0", hidden), ($"{feed}.DenseReluDense.wi_1", hidden));
        else names.Same($"{ours}.feed_forward.up", $"{feed}.DenseReluDense.wi");
    }

    private static (bool Gated, string Activation) FeedForward(ConfigKeys keys, string otherwise)
        => keys.OneOf("feed_forward_proj", ["relu", "gelu", "silu", "gated-gelu", "gated-relu", "gated-silu"], otherwise) switch
        {
            "gated-gelu" => (true, "gelu_new"), // so named, and meant so
            ['g', 'a', 't', 'e', 'd', '-', .. var name] => (true, name),
            var name => (false, name),
        };
}
