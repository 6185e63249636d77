using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// ELECTRA (Clark et al., 2020): BERT with embeddings of a width of their own; a discriminator that tells which tokens were replaced, or
/// the generator that replaced them.
/// </summary>
public sealed class Electra : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "electra";

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var encoder = BertFamily.Encoder(keys, new BertDefaults { Width = 256, Heads = 4, Hidden = 1024 });
        var (width, narrow) = (encoder.Embeddings.Width, keys.Whole("embedding_size", 128));
        if (narrow != width)
        {
            var embeddings = encoder.Embeddings with { TableWidth = narrow, Projection = EmbeddingProjection.Sum };
            encoder = encoder with { Embeddings = embeddings };
        }
        var task = keys.Task(ModelTask.ReplacedTokenDetection);
        if (task == ModelTask.Pretraining) task = ModelTask.ReplacedTokenDetection;
        var dropout = BertFamily.ClassifierDropout(keys);
        var features = new HeadOptions { Outputs = 1, Features = width, Activation = "gelu" };
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, ContextLength = encoder.Embeddings.Length,
            Initialization = BertFamily.Initialization(keys),
            Encoder = encoder,
            Head = task switch
            {
                ModelTask.ReplacedTokenDetection => features with { Activation = keys.ActivationName("hidden_act", "gelu") },
                ModelTask.SequenceClassification
                    => features with { Outputs = keys.Labels().Count, InputDropout = dropout, Dropout = dropout },
                ModelTask.MultipleChoice => features with
                {
                    Activation = keys.ActivationName("summary_activation", "gelu"), Dropout = keys.Probability("summary_last_dropout", 0.1),
                },
                _ => keys.Head(task, BertFamily.Vocabulary(keys, encoder, "gelu") with { Features = narrow }, dropout),
            },
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        var names = BertFamily.Names("electra", config).Same("backbone.embeddings.projection", "electra.embeddings_project");
        if (config.TieEmbeddings) names.Also("electra.embeddings.word_embeddings.weight", "generator_lm_head.weight");
        const string detector = "discriminator_predictions", generator = "generator_predictions";
        return config.Task switch
        {
            ModelTask.ReplacedTokenDetection
                => names.Same("head.dense", $"{detector}.dense").Same("head.output", $"{detector}.dense_prediction"),
            ModelTask.SequenceClassification => names.Same("head.dense", "classifier.dense").Same("head.output", "classifier.out_proj"),
            ModelTask.MultipleChoice => names.Same("head.dense", "sequence_summary.summary").Same("head.output", "classifier"),
            ModelTask.QuestionAnswering => names.Same("head.output", "qa_outputs"),
            ModelTask.TokenClassification => names.Same("head.output", "classifier"),
            _ => names.Same("head.dense", $"{generator}.dense").Same("head.norm", $"{generator}.LayerNorm")
                .Same("head.output", "generator_lm_head").Same("head", "generator_lm_head"),
        };
    }
}
