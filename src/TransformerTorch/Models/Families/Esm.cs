using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// ESM-1b and ESM-2 (Rives et al., 2021; Lin et al., 2023), language models of proteins: learned or rotary positions, norms before each
/// part and after the last, mask tokens as dropout on the input.
/// </summary>
public sealed class Esm : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "esm";

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        if (keys.Flag("is_folding_model", false)) throw keys.Wrong("is_folding_model", "false: this folds nothing");
        if (!keys.Has("vocab_size")) throw keys.Wrong("vocab_size", "a whole number");
        var encoder = BertFamily.Encoder(keys, new BertDefaults { Positions = 1026, Segments = 0, Padding = null });
        var (embeddings, block) = (encoder.Embeddings, encoder.Blocks[0]);
        var rotary = keys.OneOf("position_embedding_type", ["absolute", "rotary"], "absolute") == "rotary";
        if (!rotary) embeddings = embeddings.CountedFromPadding(keys);
        var turned = new RotaryOptions { Size = block.Attention.HeadSize, Theta = keys.Number("rope_theta", 10000) };
        encoder = encoder with
        {
            Embeddings = embeddings with
            {
                Positions = rotary ? 0 : embeddings.Positions, Segments = 0, Dropout = 0, ZeroPadding = true,
                Norm = keys.Flag("emb_layer_norm_before", false) ? block.Norm : null,
                DroppedToken = keys.Flag("token_dropout", false) ? keys.Whole("mask_token_id", least: 0) : null,
            },
            Blocks = [.. encoder.Blocks.Select(b => b with
            {
                Placement = NormPlacement.Pre, Attention = b.Attention with { Rotary = rotary ? turned : null },
                FeedForward = b.FeedForward with { Activation = "gelu" },
            })],
            FinalNorm = block.Norm,
        };
        var task = keys.Task(ModelTask.MaskedLanguageModel);
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task,
            ContextLength = rotary ? embeddings.Positions : encoder.Embeddings.Length,
            Initialization = BertFamily.Initialization(keys),
            Encoder = encoder,
            Head = keys.RobertaHead(task, encoder, block.Dropout),
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        var parts = new BertParts { EmbeddingNorm = "layer_norm", AttentionNorm = "attention.LayerNorm", FeedForwardNorm = "LayerNorm" };
        return BertFamily.Names("esm", config, parts).Same("backbone.norm", "esm.encoder.emb_layer_norm_after")
            .Ignore("contact_head.regression.weight", "contact_head.regression.bias", "rotary_embeddings.inv_freq",
                "position_embeddings.weight")
            .RobertaHead("esm", config, "lm_head.bias");
    }
}
