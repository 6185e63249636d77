using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// RoBERTa (Liu et al., 2019): BERT without segments to tell apart, its positions counted from the padding token's id on. XLM-RoBERTa
/// (Conneau et al., 2020) and CamemBERT (Martin et al., 2020) are it with other vocabularies.
/// </summary>
public sealed class Roberta(string modelType = "roberta") : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => modelType;

    /// <inheritdoc/>
    public string ClassName(ModelTask task)
        => (modelType == "xlm-roberta" ? "XLMRoberta" : char.ToUpperInvariant(modelType[0]) + modelType[1..]) + Architecture.Ending(task);

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var otherwise = new BertDefaults { Vocabulary = modelType == "roberta" ? 50265 : 30522, Padding = 1 };
        var encoder = BertFamily.Encoder(keys, otherwise);
        encoder = encoder with { Embeddings = encoder.Embeddings with { PositionSource = PositionSource.PaddingToken } };
        if (encoder.Embeddings is { PaddingToken: null }) throw keys.Wrong("pad_token_id", "an id: positions are counted from it on");
        var (task, dropout) = (keys.Task(ModelTask.MaskedLanguageModel), BertFamily.ClassifierDropout(keys));
        var pooler = BertFamily.Pooler(encoder);
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, ContextLength = encoder.Embeddings.Length,
            Initialization = BertFamily.Initialization(keys),
            Encoder = encoder,
            Head = task switch
            {
                ModelTask.Bare => pooler,
                ModelTask.SequenceClassification
                    => pooler with { Outputs = keys.Labels().Count, InputDropout = dropout, Dropout = dropout },
                _ => keys.Head(task, BertFamily.Vocabulary(keys, encoder, "gelu"), dropout),
            },
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        var names = BertFamily.Names("roberta", config);
        if (config.TieEmbeddings) names.Also("roberta.embeddings.word_embeddings.weight", "lm_head.decoder.weight");
        if (config.Task != ModelTask.Bare) names.Ignore(".pooler.dense.weight", ".pooler.dense.bias");
        return config.Task switch
        {
            ModelTask.Bare => names.Same("head.dense", "roberta.pooler.dense"),
            ModelTask.SequenceClassification => names.Same("head.dense", "classifier.dense").Same("head.output", "classifier.out_proj"),
            ModelTask.QuestionAnswering => names.Same("head.output", "qa_outputs"),
            ModelTask.TokenClassification => names.Same("head.output", "classifier"),
            _ => names.Same("head.dense", "lm_head.dense").Same("head.norm", "lm_head.layer_norm")
                .Same("head.output", "lm_head.decoder").Same("head", "lm_head").Also("lm_head.decoder.bias", "lm_head.bias"),
        };
    }
}
