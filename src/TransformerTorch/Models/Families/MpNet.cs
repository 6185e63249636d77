using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>MPNet (Song et al., 2020): RoBERTa without segments, with T5's terms by distance in all its layers.</summary>
public sealed class MpNet : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "mpnet";

    /// <inheritdoc/>
    public string ClassName(ModelTask task) => "MPNet" + Architecture.Ending(task);

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var encoder = BertFamily.Encoder(keys, new BertDefaults { Vocabulary = 30527, Padding = 1, Segments = 0 });
        return keys.RobertaModel(ModelType, published, encoder with
        {
            Embeddings = encoder.Embeddings.CountedFromPadding(keys),
            RelativeBias = new RelativeBiasOptions
            {
                Heads = encoder.Blocks[0].Attention.Heads, Buckets = keys.Whole("relative_attention_num_buckets", 32), MaxDistance = 128,
                Bidirectional = true,
            },
        });
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
        => BertFamily.Names("mpnet", config, new BertParts
        {
            Query = "attention.attn.q", Key = "attention.attn.k", Value = "attention.attn.v", Output = "attention.attn.o",
            AttentionNorm = "attention.LayerNorm",
        })
            .Same("backbone.relative_bias.*", "mpnet.encoder.relative_attention_bias")
            .RobertaHead("mpnet", config, "lm_head.decoder.bias");
}
