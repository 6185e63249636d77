using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// BART (Lewis et al., 2020) and what shares its blocks and names: mBART (Liu et al., 2020), Pegasus (Zhang et al., 2020), Marian
/// (Junczys-Dowmunt et al., 2018) and, as a preset of ours, the original Transformer (Vaswani et al., 2017). They differ in where they
/// normalise and in what positions are.
/// </summary>
public sealed class Bart(string modelType) : IModelFamily
{
    private readonly bool _original = modelType == "transformer";

    /// <inheritdoc/>
    public string ModelType => modelType;

    /// <inheritdoc/>
    public string ClassName(ModelTask task)
    {
        var name = modelType == "mbart" ? "MBart" : char.ToUpperInvariant(modelType[0]) + modelType[1..];
        return modelType == "marian" && task == ModelTask.SequenceToSequence ? "MarianMTModel" : name + Architecture.Ending(task);
    }

    /// <summary>Whether norms stand before each part, with one more after the last block.</summary>
    private bool PreNorm => modelType is "mbart" or "pegasus";

    /// <summary>Whether the sum of token and position vectors is normalised.</summary>
    private bool EmbeddingNorm => modelType is "bart" or "mbart";

    /// <summary>Whether positions are sines and cosines; else they are learned, with two rows before the first.</summary>
    private bool Sinusoidal => modelType is "pegasus" or "marian" or "transformer";

    private int PaddingToken => modelType switch { "marian" => 58100, "bart" or "mbart" => 1, _ => 0 };

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var width = keys.Whole("d_model", _original ? 512 : 1024);
        var vocabulary = keys.Whole("vocab_size", modelType == "marian" ? 58101 : 50265);
        var shares = modelType != "marian" || keys.Flag("share_encoder_decoder_embeddings", true);
        var written = modelType == "marian" ? keys.Whole("decoder_vocab_size", vocabulary) : vocabulary;
        var (tied, labels) = (keys.Flag("tie_word_embeddings", true), keys.Labels(modelType == "bart" ? 3 : 2));
        var positions = keys.Whole("max_position_embeddings", 1024);
        var embeddings = new EmbeddingOptions
        {
            VocabularySize = vocabulary, Width = width, Positions = positions, PositionSource = PositionSource.Index,
            Sinusoidal = Sinusoidal, PositionOffset = Sinusoidal ? 0 : 2, PaddingToken = keys.Token("pad_token_id", PaddingToken),
            Scale = keys.Flag("scale_embedding", _original) ? Math.Sqrt(width) : 1,
            Norm = EmbeddingNorm ? new NormOptions() : null, Dropout = keys.Probability("dropout", 0.1),
        };
        var (reading, writing) = (Block(keys, "encoder", width), Block(keys, "decoder", width));
        writing = writing with
        {
            Attention = writing.Attention with { Causal = true }, CrossAttention = writing.Attention with { Cross = true },
        };
        var task = keys.Task(ModelTask.SequenceToSequence);
        if (task is ModelTask.CausalLanguageModel or ModelTask.TokenClassification)
            throw keys.Wrong("architectures", "a class that has the encoder and the decoder");
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, ContextLength = positions, Labels = labels,
            Pooling = Pooling.EndToken, StartsWithLastToken = modelType == "mbart", SharedEmbeddings = shares && tied,
            Initialization = new Initialization { StandardDeviation = keys.Number("init_std", _original ? 1 / Math.Sqrt(width) : 0.02) },
            Encoder = Stack(embeddings, reading, keys.Whole("encoder_layers", _original ? 6 : 12)),
            Decoder = Stack(embeddings with { VocabularySize = written }, writing, keys.Whole("decoder_layers", _original ? 6 : 12)),
            Head = task == ModelTask.SequenceClassification
                ? new HeadOptions { Outputs = labels.Count, Features = width, Dropout = keys.Probability("classifier_dropout", 0) }
                : keys.Head(task, new HeadOptions
                {
                    Outputs = shares ? vocabulary : written, Bias = false, FixedBias = !_original, Tied = tied,
                }),
        };
    }

    private BlockOptions Block(ConfigKeys keys, string stack, int width)
    {
        var heads = keys.Whole($"{stack}_attention_heads", _original ? 8 : 16);
        return new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = heads, Causal = false, Dropout = keys.Probability("attention_dropout", 0),
                HeadSize = keys.HeadSize(("d_model", width), ($"{stack}_attention_heads", heads)),
            },
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = keys.Whole($"{stack}_ffn_dim", _original ? 2048 : 4096),
                Activation = keys.ActivationName("activation_function", _original ? "relu" : "gelu"),
                Dropout = keys.Probability("activation_dropout", 0),
            },
            Placement = PreNorm ? NormPlacement.Pre : NormPlacement.Post, Dropout = keys.Probability("dropout", 0.1),
        };
    }

    private StackOptions Stack(EmbeddingOptions embeddings, BlockOptions block, int layers) => new()
    {
        Embeddings = embeddings, Blocks = [.. Enumerable.Repeat(block, layers)], FinalNorm = PreNorm ? new NormOptions() : null,
    };

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        var names = new WeightNames { BasePrefix = "model." }.Same("backbone.shared", "model.shared")
            .Same("head.dense", "classification_head.dense").Exact("head.fixed_bias.weight", "final_logits_bias")
            .Same("head.output", config.Task switch
            {
                ModelTask.SequenceClassification => "classification_head.out_proj",
                ModelTask.QuestionAnswering => "qa_outputs",
                _ => "lm_head",
            })
            .Ignore("encoder.version", "decoder.version");
        foreach (var stack in (string[])["encoder", "decoder"]) AddStack(names, stack, config.Main.Embeddings.Width);
        if (config.Task != ModelTask.SequenceToSequence) names.Ignore("final_logits_bias", "lm_head.weight");
        if (config.TieEmbeddings) names.Ignore("lm_head.weight");
        if (!config.SharedEmbeddings) return names.Ignore("shared.weight");
        return names.Also("shared.weight", "encoder.embed_tokens.weight").Also("shared.weight", "decoder.embed_tokens.weight");
    }

    private static void AddStack(WeightNames names, string stack, int width)
    {
        string ours = $"backbone.{stack}", layer = $"{ours}.layers.*", published = $"model.{stack}", block = $"{published}.layers.*";
        string self = $"{block}.self_attn", cross = $"{block}.encoder_attn";
        names.Same($"{ours}.embeddings.tokens", $"{published}.embed_tokens")
            .Same($"{ours}.embeddings.positions", $"{published}.embed_positions")
            .Same($"{ours}.embeddings.sinusoids", $"{published}.embed_positions")
            .Same($"{ours}.embeddings.norm", $"{published}.layernorm_embedding")
            .Rows($"{layer}.attention.qkv", ($"{self}.q_proj", width), ($"{self}.k_proj", width), ($"{self}.v_proj", width))
            .Same($"{layer}.attention.output", $"{self}.out_proj")
            .Same($"{layer}.attention_norm", $"{block}.self_attn_layer_norm")
            .Same($"{layer}.cross_attention.query", $"{cross}.q_proj")
            .Rows($"{layer}.cross_attention.key_value", ($"{cross}.k_proj", width), ($"{cross}.v_proj", width))
            .Same($"{layer}.cross_attention.output", $"{cross}.out_proj")
            .Same($"{layer}.cross_attention_norm", $"{block}.encoder_attn_layer_norm")
            .Same($"{layer}.feed_forward.up", $"{block}.fc1")
            .Same($"{layer}.feed_forward.down", $"{block}.fc2")
            .Same($"{layer}.feed_forward_norm", $"{block}.final_layer_norm")
            .Same($"{ours}.norm", $"{published}.layer_norm");
    }
}
