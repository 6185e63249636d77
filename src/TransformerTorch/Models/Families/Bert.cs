using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>BERT (Devlin et al., 2019), with a pooler over the first token for whole texts: see <see cref="BertFamily"/>.</summary>
public sealed class Bert : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "bert";

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var encoder = BertFamily.Encoder(keys, new BertDefaults());
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
                ModelTask.SequenceClassification or ModelTask.MultipleChoice
                    => pooler with { Outputs = keys.Scores(task), Dropout = dropout },
                ModelTask.NextSentencePrediction => pooler with { Outputs = 2 },
                _ => keys.Head(task, BertFamily.Vocabulary(keys, encoder, keys.ActivationName("hidden_act", "gelu")), dropout),
            },
            SecondHead = pooler with { Outputs = 2 },
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        var names = BertFamily.Names("bert", config);
        const string predictions = "cls.predictions", pooler = "bert.pooler.dense";
        string[] unused = [".pooler.dense.weight", ".pooler.dense.bias"]; // which files have though the task's head has no use for it
        if (config.TieEmbeddings) names.Also("bert.embeddings.word_embeddings.weight", $"{predictions}.decoder.weight");
        return config.Task switch
        {
            ModelTask.MaskedLanguageModel => Masked().Ignore([.. unused, "cls.seq_relationship.weight", "cls.seq_relationship.bias"]),
            ModelTask.Pretraining => Masked().Same("next_sentence.dense", pooler).Same("next_sentence.output", "cls.seq_relationship"),
            ModelTask.NextSentencePrediction => names.Same("head.dense", pooler).Same("head.output", "cls.seq_relationship"),
            ModelTask.QuestionAnswering => names.Same("head.output", "qa_outputs").Ignore(unused),
            ModelTask.TokenClassification => names.Same("head.output", "classifier").Ignore(unused),
            _ => names.Same("head.dense", pooler).Same("head.output", "classifier"),
        };

        WeightNames Masked() => names
            .Same("head.dense", $"{predictions}.transform.dense").Same("head.norm", $"{predictions}.transform.LayerNorm")
            .Same("head.output", $"{predictions}.decoder").Same("head", predictions)
            .Also($"{predictions}.decoder.bias", $"{predictions}.bias");
    }
}
