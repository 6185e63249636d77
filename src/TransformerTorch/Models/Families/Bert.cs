using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// BERT (Devlin et al., 2019): learned positions and segments, normalised embeddings, norms after each part, a pooler over the first
/// token for whole texts.
/// </summary>
public sealed class Bert : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "bert";

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (width, heads) = (keys.Whole("hidden_size", 768), keys.Whole("num_attention_heads", 12));
        var (vocabulary, positions) = (keys.Whole("vocab_size", 30522), keys.Whole("max_position_embeddings", 512));
        var dropout = keys.Probability("hidden_dropout_prob", 0.1);
        var classifierDropout = keys.Has("classifier_dropout") ? keys.Probability("classifier_dropout") : dropout;
        var activation = keys.ActivationName("hidden_act", "gelu");
        var norm = new NormOptions { Epsilon = keys.Number("layer_norm_eps", 1e-12) };
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
                Width = width, HiddenSize = keys.Whole("intermediate_size", 3072), Activation = activation,
            },
            Norm = norm, Placement = NormPlacement.Post, Dropout = dropout,
        };
        var task = keys.Task(ModelTask.MaskedLanguageModel);
        var pooler = new HeadOptions { Outputs = 0, Features = width, Activation = "tanh" };
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, ContextLength = positions,
            Initialization = new Initialization { StandardDeviation = keys.Number("initializer_range", 0.02) },
            Encoder = new StackOptions
            {
                Embeddings = new EmbeddingOptions
                {
                    VocabularySize = vocabulary, Width = width, Positions = positions, Segments = keys.Whole("type_vocab_size", 2),
                    PositionSource = PositionSource.Index, PaddingToken = keys.Token("pad_token_id", 0), Norm = norm, Dropout = dropout,
                },
                Blocks = [.. Enumerable.Repeat(block, keys.Whole("num_hidden_layers", 12))],
            },
            Head = task switch
            {
                ModelTask.Bare => pooler,
                ModelTask.SequenceClassification => pooler with { Outputs = keys.Labels().Count, Dropout = classifierDropout },
                ModelTask.NextSentencePrediction => pooler with { Outputs = 2 },
                _ => keys.Head(task, new HeadOptions
                {
                    Outputs = vocabulary, Features = width, Activation = activation, Norm = norm,
                    Tied = keys.Flag("tie_word_embeddings", true),
                }, classifierDropout),
            },
            SecondHead = pooler with { Outputs = 2 },
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        const string ours = "backbone.layers.*", layer = "bert.encoder.layer.*", self = $"{layer}.attention.self";
        var width = config.Main.Embeddings.Width;
        var names = new WeightNames { BasePrefix = "bert." }
            .Same("backbone.embeddings.tokens", "bert.embeddings.word_embeddings")
            .Same("backbone.embeddings.positions", "bert.embeddings.position_embeddings")
            .Same("backbone.embeddings.segments", "bert.embeddings.token_type_embeddings")
            .Same("backbone.embeddings.norm", "bert.embeddings.LayerNorm")
            .Rows($"{ours}.attention.qkv", ($"{self}.query", width), ($"{self}.key", width), ($"{self}.value", width))
            .Same($"{ours}.attention.output", $"{layer}.attention.output.dense")
            .Same($"{ours}.attention_norm", $"{layer}.attention.output.LayerNorm")
            .Same($"{ours}.feed_forward.up", $"{layer}.intermediate.dense")
            .Same($"{ours}.feed_forward.down", $"{layer}.output.dense")
            .Same($"{ours}.feed_forward_norm", $"{layer}.output.LayerNorm")
            .Ignore("embeddings.position_ids", "cls.predictions.decoder.bias");
        if (config.TieEmbeddings) names.Ignore("cls.predictions.decoder.weight");
        return config.Task switch
        {
            ModelTask.MaskedLanguageModel or ModelTask.Pretraining => names
                .Same("head.dense", "cls.predictions.transform.dense").Same("head.norm", "cls.predictions.transform.LayerNorm")
                .Exact("head.output.weight", "cls.predictions.decoder.weight")
                .Exact("head.output.bias", "cls.predictions.bias").Exact("head.bias", "cls.predictions.bias")
                .Same("next_sentence.dense", "bert.pooler.dense").Same("next_sentence.output", "cls.seq_relationship"),
            ModelTask.NextSentencePrediction => names.Same("head.dense", "bert.pooler.dense").Same("head.output", "cls.seq_relationship"),
            ModelTask.QuestionAnswering => names.Same("head.output", "qa_outputs"),
            _ => names.Same("head.dense", "bert.pooler.dense").Same("head.output", "classifier"),
        };
    }
}
