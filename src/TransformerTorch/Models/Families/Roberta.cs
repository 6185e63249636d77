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
        return keys.RobertaModel(ModelType, published, encoder with { Embeddings = encoder.Embeddings.CountedFromPadding(keys) });
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
        => BertFamily.Names("roberta", config).RobertaHead("roberta", config, "lm_head.decoder.bias");
}
