using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>What a family of BERT's kind has where its configuration says nothing.</summary>
internal sealed record BertDefaults
{
    public int Vocabulary { get; init; } = 30522;

    public int Width { get; init; } = 768;

    public int Layers { get; init; } = 12;

    public int Heads { get; init; } = 12;

    public int Hidden { get; init; } = 3072;

    public int Positions { get; init; } = 512;

    public int Segments { get; init; } = 2;

    public double Epsilon { get; init; } = 1e-12;

    public int? Padding { get; init; } = 0;
}

/// <summary>What a family of BERT's kind calls its parts.</summary>
internal sealed record BertParts
{
    public string Query { get; init; } = "attention.self.query";

    public string Key { get; init; } = "attention.self.key";

    public string Value { get; init; } = "attention.self.value";

    public string Output { get; init; } = "attention.output.dense";

    public string EmbeddingNorm { get; init; } = "LayerNorm";

    public string AttentionNorm { get; init; } = "attention.output.LayerNorm";

    public string FeedForwardNorm { get; init; } = "output.LayerNorm";
}

/// <summary>
/// What BERT (Devlin et al., 2019) and its descendants have in common: keys, an encoder with learned positions and segments, normalised
/// embeddings and norms after each part, and how its weights are called.
/// </summary>
internal static class BertFamily
{
    /// <summary>The encoder.</summary>
    public static StackOptions Encoder(ConfigKeys keys, BertDefaults otherwise)
    {
        var (width, heads) = (keys.Whole("hidden_size", otherwise.Width), keys.Whole("num_attention_heads", otherwise.Heads));
        var dropout = keys.Probability("hidden_dropout_prob", 0.1);
        var norm = new NormOptions { Epsilon = keys.Number("layer_norm_eps", otherwise.Epsilon) };
        if (keys.Flag("is_decoder", false)) throw keys.Wrong("is_decoder", "false: this is an encoder");
        var block = new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = heads, Causal = false,
                HeadSize = keys.HeadSize(("hidden_size", width), ("num_attention_heads", heads)),
                Dropout = keys.Probability("attention_probs_dropout_prob", 0.1),
            },
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = keys.Whole("intermediate_size", otherwise.Hidden),
                Activation = keys.ActivationName("hidden_act", "gelu"),
            },
            Norm = norm, Placement = NormPlacement.Post, Dropout = dropout,
        };
        return new StackOptions
        {
            Embeddings = new EmbeddingOptions
            {
                VocabularySize = keys.Whole("vocab_size", otherwise.Vocabulary), Width = width,
                Positions = keys.Whole("max_position_embeddings", otherwise.Positions),
                Segments = keys.Whole("type_vocab_size", otherwise.Segments, least: 0),
                PositionSource = PositionSource.Index, PaddingToken = keys.Token("pad_token_id", otherwise.Padding),
                Norm = norm, Dropout = dropout,
            },
            Blocks = [.. Enumerable.Repeat(block, keys.Whole("num_hidden_layers", otherwise.Layers))],
        };
    }

    /// <summary>Features of the first token, which BERT's pooler makes.</summary>
    public static HeadOptions Pooler(StackOptions encoder) => new() { Outputs = 0, Features = encoder.Embeddings.Width };

    /// <summary>The head for masked tokens.</summary>
    public static HeadOptions Vocabulary(ConfigKeys keys, StackOptions encoder, string activation) => new()
    {
        Outputs = encoder.Embeddings.VocabularySize, Features = encoder.Embeddings.Width, Activation = activation,
        Norm = encoder.Blocks[0].Norm, Tied = keys.Flag("tie_word_embeddings", true),
    };

    /// <summary>A head's dropout.</summary>
    public static double ClassifierDropout(ConfigKeys keys, string key = "classifier_dropout")
        => keys.Has(key) ? keys.Probability(key) : keys.Probability("hidden_dropout_prob", 0.1);

    /// <summary>First values.</summary>
    public static Initialization Initialization(ConfigKeys keys) => new() { StandardDeviation = keys.Number("initializer_range", 0.02) };

    /// <summary>Published names of the encoder.</summary>
    /// <param name="model">how the published class calls its base ("bert")</param>
    /// <param name="config">the model</param>
    /// <param name="parts">what is called otherwise than BERT calls it</param>
    public static WeightNames Names(string model, ModelConfig config, BertParts? parts = null)
    {
        parts ??= new BertParts();
        const string ours = "backbone.layers.*", embeddings = "backbone.embeddings";
        var layer = $"{model}.encoder.layer.*";
        var width = config.Main.Embeddings.Width;
        return new WeightNames { BasePrefix = $"{model}." }
            .Same($"{embeddings}.tokens", $"{model}.embeddings.word_embeddings")
            .Same($"{embeddings}.positions", $"{model}.embeddings.position_embeddings")
            .Same($"{embeddings}.segments", $"{model}.embeddings.token_type_embeddings")
            .Same($"{embeddings}.norm", $"{model}.embeddings.{parts.EmbeddingNorm}")
            .Rows($"{ours}.attention.qkv",
                ($"{layer}.{parts.Query}", width), ($"{layer}.{parts.Key}", width), ($"{layer}.{parts.Value}", width))
            .Same($"{ours}.attention.output", $"{layer}.{parts.Output}")
            .Same($"{ours}.attention_norm", $"{layer}.{parts.AttentionNorm}")
            .Same($"{ours}.feed_forward.up", $"{layer}.intermediate.dense")
            .Same($"{ours}.feed_forward.down", $"{layer}.output.dense")
            .Same($"{ours}.feed_forward_norm", $"{layer}.{parts.FeedForwardNorm}")
            .Ignore("embeddings.position_ids");
    }
}
