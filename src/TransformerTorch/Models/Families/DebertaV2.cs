using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// DeBERTa versions 2 and 3 (He et al., 2021): BERT whose attention adds terms of relative position to the scores, projected as content
/// or by projections of their own; the largest ones with a convolution beside the first layer.
/// </summary>
public sealed class DebertaV2 : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "deberta-v2";

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var encoder = BertFamily.Encoder(keys, new BertDefaults
        {
            Vocabulary = 128100, Width = 1536, Layers = 24, Heads = 24, Hidden = 6144, Segments = 0, Epsilon = 1e-7,
        });
        var (width, block) = (encoder.Embeddings.Width, encoder.Blocks[0]);
        if (keys.Whole("embedding_size", width) != width) throw keys.Wrong("embedding_size", $"hidden_size, {width}");
        var terms = keys.Words("pos_att_type");
        var disentangled = new DisentangledOptions
        {
            ContentToPosition = terms.Contains("c2p"), PositionToContent = terms.Contains("p2c"),
            Shared = keys.Flag("share_att_key", false),
        };
        var relative = keys.Flag("relative_attention", false);
        var scale = 1 / Math.Sqrt((double)block.Attention.HeadSize * disentangled.Terms);
        var attention = block.Attention with { Scale = scale, Disentangled = relative ? disentangled : null };
        var most = keys.Whole("max_relative_positions", -1, least: -1);
        encoder = encoder with
        {
            Embeddings = encoder.Embeddings with
            {
                Positions = keys.Flag("position_biased_input", true) ? encoder.Embeddings.Positions : 0, ZeroPadding = true,
            },
            Blocks = [.. encoder.Blocks.Select(b => b with { Attention = attention })],
            PaddingIsBlind = true,
            RelativePositions = !relative ? null : new RelativePositionOptions
            {
                Width = width, MaxDistance = most < 1 ? encoder.Embeddings.Positions : most, Dropout = block.Dropout,
                Buckets = Math.Max(0, keys.Whole("position_buckets", -1, least: -1)),
                Norm = keys.Words("norm_rel_ebd").Contains("layer_norm") ? block.Norm : null,
            },
            Convolution = keys.Whole("conv_kernel_size", 0, least: 0) is 0 ? null : new ConvolutionOptions
            {
                Width = width, KernelSize = keys.Whole("conv_kernel_size"), Groups = keys.Whole("conv_groups", 1),
                Activation = keys.ActivationName("conv_act", "tanh"), Norm = block.Norm, Dropout = block.Dropout,
            },
        };
        var (task, dropout) = (keys.Task(ModelTask.MaskedLanguageModel), BertFamily.ClassifierDropout(keys, "cls_dropout"));
        keys.Flag("legacy", true); // which of two heads over the vocabulary, that differ in their names
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, ContextLength = keys.Whole("max_position_embeddings", 512),
            Initialization = BertFamily.Initialization(keys),
            Encoder = encoder,
            Head = task switch
            {
                ModelTask.SequenceClassification or ModelTask.MultipleChoice => new HeadOptions
                {
                    Outputs = keys.Scores(task), Features = width, Activation = keys.ActivationName("pooler_hidden_act", "gelu"),
                    InputDropout = keys.Probability("pooler_dropout", 0), Dropout = dropout,
                },
                _ => keys.Head(task, Vocabulary(keys, encoder), block.Dropout),
            },
        };
    }

    private static HeadOptions Vocabulary(ConfigKeys keys, StackOptions encoder)
    {
        var head = BertFamily.Vocabulary(keys, encoder, keys.ActivationName("hidden_act", "gelu"));
        return keys.Flag("legacy", true) ? head : head with { Tied = true };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        const string self = "deberta.encoder.layer.*.attention.self", terms = "backbone.layers.*.attention.disentangled";
        var names = BertFamily.Names("deberta", config, new BertParts
        {
            Query = "attention.self.query_proj", Key = "attention.self.key_proj", Value = "attention.self.value_proj",
        })
            .Same($"{terms}.key", $"{self}.pos_key_proj").Same($"{terms}.query", $"{self}.pos_query_proj")
            .Same("backbone.relative_positions", "deberta.encoder.rel_embeddings")
            .Same("backbone.relative_positions.norm", "deberta.encoder.LayerNorm")
            .Same("backbone.convolution", "deberta.encoder.conv.conv").Same("backbone.convolution.norm", "deberta.encoder.conv.LayerNorm")
            .Ignore("position_embeddings.weight", ".pos_key_proj.weight", ".pos_q_proj.weight");
        var head = new ConfigKeys(config.Published, "config").Flag("legacy", true) ? "cls.predictions" : "lm_predictions.lm_head";
        var transform = head == "cls.predictions" ? $"{head}.transform" : head;
        if (config.TieEmbeddings) names.Also("deberta.embeddings.word_embeddings.weight", $"{head}.decoder.weight");
        return config.Task switch
        {
            ModelTask.SequenceClassification or ModelTask.MultipleChoice
                => names.Same("head.dense", "pooler.dense").Same("head.output", "classifier"),
            ModelTask.QuestionAnswering => names.Same("head.output", "qa_outputs"),
            ModelTask.TokenClassification => names.Same("head.output", "classifier"),
            _ => names.Same("head.dense", $"{transform}.dense").Same("head.norm", $"{transform}.LayerNorm")
                .Same("head.output", $"{head}.decoder").Same("head", head).Also($"{head}.decoder.bias", $"{head}.bias"),
        };
    }
}
