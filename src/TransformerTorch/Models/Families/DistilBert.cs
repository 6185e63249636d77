using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>DistilBERT (Sanh et al., 2019): half of BERT's layers, no segments, no pooler.</summary>
public sealed class DistilBert : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "distilbert";

    /// <inheritdoc/>
    public string ClassName(ModelTask task) => "DistilBert" + Architecture.Ending(task);

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (width, heads) = (keys.Whole("dim", 768), keys.Whole("n_heads", 12));
        var (vocabulary, positions) = (keys.Whole("vocab_size", 30522), keys.Whole("max_position_embeddings", 512));
        var (dropout, activation) = (keys.Probability("dropout", 0.1), keys.ActivationName("activation", "gelu"));
        var norm = new NormOptions { Epsilon = 1e-12 };
        var block = new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = heads, HeadSize = keys.HeadSize(("dim", width), ("n_heads", heads)),
                Causal = false, Dropout = keys.Probability("attention_dropout", 0.1),
            },
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = keys.Whole("hidden_dim", 3072), Activation = activation, OutputDropout = dropout,
            },
            Norm = norm, Placement = NormPlacement.Post,
        };
        var task = keys.Task(ModelTask.MaskedLanguageModel);
        var features = new HeadOptions { Outputs = keys.Scores(task), Features = width, Activation = "relu" };
        var masked = new HeadOptions
        {
            Outputs = vocabulary, Features = width, Activation = activation, Norm = norm, Tied = keys.Flag("tie_word_embeddings", true),
        };
        var (ofTexts, ofAnswers) = (keys.Probability("seq_classif_dropout", 0.2), keys.Probability("qa_dropout", 0.1));
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, ContextLength = positions,
            Initialization = BertFamily.Initialization(keys),
            Encoder = new StackOptions
            {
                Embeddings = new EmbeddingOptions
                {
                    VocabularySize = vocabulary, Width = width, Positions = positions, PositionSource = PositionSource.Index,
                    PaddingToken = keys.Token("pad_token_id", 0), Norm = norm, Dropout = dropout,
                },
                Blocks = [.. Enumerable.Repeat(block, keys.Whole("n_layers", 6))],
            },
            Head = task switch
            {
                ModelTask.SequenceClassification or ModelTask.MultipleChoice => features with { Dropout = ofTexts },
                ModelTask.QuestionAnswering => new HeadOptions { Outputs = 2, Dropout = ofAnswers },
                _ => keys.Head(task, masked, dropout),
            },
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        const string ours = "backbone.layers.*", layer = "distilbert.transformer.layer.*", self = $"{layer}.attention";
        var width = config.Main.Embeddings.Width;
        var names = new WeightNames { BasePrefix = "distilbert." }
            .Same("backbone.embeddings.tokens", "distilbert.embeddings.word_embeddings")
            .Same("backbone.embeddings.positions", "distilbert.embeddings.position_embeddings")
            .Same("backbone.embeddings.norm", "distilbert.embeddings.LayerNorm")
            .Rows($"{ours}.attention.qkv", ($"{self}.q_lin", width), ($"{self}.k_lin", width), ($"{self}.v_lin", width))
            .Same($"{ours}.attention.output", $"{self}.out_lin")
            .Same($"{ours}.attention_norm", $"{layer}.sa_layer_norm")
            .Same($"{ours}.feed_forward.up", $"{layer}.ffn.lin1")
            .Same($"{ours}.feed_forward.down", $"{layer}.ffn.lin2")
            .Same($"{ours}.feed_forward_norm", $"{layer}.output_layer_norm")
            .Ignore("embeddings.position_ids");
        if (config.TieEmbeddings) names.Also("distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight");
        return config.Task switch
        {
            ModelTask.SequenceClassification or ModelTask.MultipleChoice
                => names.Same("head.dense", "pre_classifier").Same("head.output", "classifier"),
            ModelTask.QuestionAnswering => names.Same("head.output", "qa_outputs"),
            ModelTask.TokenClassification => names.Same("head.output", "classifier"),
            _ => names.Same("head.dense", "vocab_transform").Same("head.norm", "vocab_layer_norm")
                .Same("head.output", "vocab_projector").Same("head", "vocab_projector"),
        };
    }
}
