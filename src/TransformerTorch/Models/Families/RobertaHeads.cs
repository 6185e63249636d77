using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// What RoBERTa (Liu et al., 2019) and ESM share beyond BERT's encoder: positions counted from the padding token's id on, and heads.
/// </summary>
internal static class RobertaHeads
{
    /// <summary>Embeddings whose positions are counted from the padding token's id on.</summary>
    /// <exception cref="ModelConfigException">There is no such token.</exception>
    public static EmbeddingOptions CountedFromPadding(this EmbeddingOptions embeddings, ConfigKeys keys)
        => embeddings.PaddingToken is null ? throw keys.Wrong("pad_token_id", "an id: positions are counted from it on")
            : embeddings with { PositionSource = PositionSource.PaddingToken };

    /// <summary>A model of RoBERTa's kind around its encoder.</summary>
    public static ModelConfig RobertaModel(this ConfigKeys keys, string modelType, JsonObject published, StackOptions encoder)
    {
        var task = keys.Task(ModelTask.MaskedLanguageModel);
        return new ModelConfig
        {
            ModelType = modelType, Published = published, Task = task, ContextLength = encoder.Embeddings.Length,
            Initialization = BertFamily.Initialization(keys),
            Encoder = encoder,
            Head = keys.RobertaHead(task, encoder, BertFamily.ClassifierDropout(keys)),
        };
    }

    /// <summary>The head for a task.</summary>
    public static HeadOptions? RobertaHead(this ConfigKeys keys, ModelTask task, StackOptions encoder, double dropout)
    {
        var pooler = BertFamily.Pooler(encoder);
        return task switch
        {
            ModelTask.Bare => pooler,
            ModelTask.MultipleChoice => pooler with { Outputs = 1, Dropout = dropout },
            ModelTask.SequenceClassification => pooler with { Outputs = keys.Scores(task), InputDropout = dropout, Dropout = dropout },
            _ => keys.Head(task, BertFamily.Vocabulary(keys, encoder, "gelu"), dropout),
        };
    }

    /// <summary>What the head of a task is called.</summary>
    /// <param name="names">a family's names</param>
    /// <param name="model">how the published class calls its base ("roberta")</param>
    /// <param name="config">of the model</param>
    /// <param name="bias">that of the scores of the vocabulary</param>
    public static WeightNames RobertaHead(this WeightNames names, string model, ModelConfig config, string bias)
    {
        if (config.TieEmbeddings) names.Also($"{model}.embeddings.word_embeddings.weight", "lm_head.decoder.weight");
        if (config.Task is not (ModelTask.Bare or ModelTask.MultipleChoice)) names.Ignore(".pooler.dense.weight", ".pooler.dense.bias");
        return config.Task switch
        {
            ModelTask.Bare => names.Same("head.dense", $"{model}.pooler.dense"),
            ModelTask.MultipleChoice => names.Same("head.dense", $"{model}.pooler.dense").Same("head.output", "classifier"),
            ModelTask.SequenceClassification => names.Same("head.dense", "classifier.dense").Same("head.output", "classifier.out_proj"),
            ModelTask.QuestionAnswering => names.Same("head.output", "qa_outputs"),
            ModelTask.TokenClassification => names.Same("head.output", "classifier"),
            _ => names.Same("head.dense", "lm_head.dense").Same("head.norm", "lm_head.layer_norm")
                .Exact("head.output.weight", "lm_head.decoder.weight").Exact("head.output.bias", bias).Same("head", "lm_head")
                .Also("lm_head.decoder.bias", "lm_head.bias"),
        };
    }
}
