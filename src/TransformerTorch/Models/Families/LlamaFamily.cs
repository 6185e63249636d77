using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>What a configuration means where it leaves a key out.</summary>
public sealed record LlamaDefaults
{
    /// <summary>vocab_size</summary>
    public int Vocabulary { get; init; } = 32000;

    /// <summary>hidden_size</summary>
    public int Width { get; init; } = 4096;

    /// <summary>intermediate_size</summary>
    public int HiddenSize { get; init; } = 11008;

    /// <summary>num_hidden_layers</summary>
    public int Layers { get; init; } = 32;

    /// <summary>num_attention_heads</summary>
    public int Heads { get; init; } = 32;

    /// <summary>num_key_value_heads; null: as many as heads.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>head_dim; null: the width's share.</summary>
    public int? HeadSize { get; init; }

    /// <summary>max_position_embeddings</summary>
    public int Positions { get; init; } = 2048;

    /// <summary>tie_word_embeddings</summary>
    public bool Tied { get; init; }

    /// <summary>pad_token_id; null: none.</summary>
    public int? PaddingToken { get; init; }

    /// <summary>hidden_act</summary>
    public string Activation { get; init; } = "silu";

    /// <summary>What norms are, rms_norm_eps among it.</summary>
    public NormOptions Norm { get; init; } = new() { Kind = NormKind.Rms, Epsilon = 1e-6 };

    /// <summary>How rotary positions are given.</summary>
    public RotaryKeys Rotary { get; init; } = new();

    /// <summary>What the class for question answering calls the stack.</summary>
    public string QuestionAnsweringBase { get; init; } = "model.";
}

/// <summary>
/// Families built as LLaMA is (Touvron et al., 2023), with its keys and its names: rotary positions, grouped heads, RMS norms before each
/// part, a gated feed-forward layer, no biases. A family says what is different.
/// </summary>
public abstract class LlamaFamily(string modelType, LlamaDefaults defaults) : IModelFamily
{
    /// <summary>Names of a layer's parts, ours and the published.</summary>
    protected const string Ours = "backbone.layers.*", Layer = "model.layers.*", Self = $"{Layer}.self_attn";

    /// <inheritdoc/>
    public string ModelType => modelType;

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (width, heads) = (keys.Whole("hidden_size", defaults.Width), keys.Whole("num_attention_heads", defaults.Heads));
        var layers = keys.Whole("num_hidden_layers", defaults.Layers);
        var positions = keys.Whole("max_position_embeddings", defaults.Positions);
        var groups = keys.WholeOrNull("num_key_value_heads", defaults.KeyValueHeads) ?? heads;
        if (heads % groups != 0) throw keys.Contradiction($"num_attention_heads {heads} is no multiple of num_key_value_heads {groups}");
        var size = keys.WholeOrNull("head_dim", defaults.HeadSize) ?? keys.HeadSize(("hidden_size", width), ("num_attention_heads", heads));
        var (task, vocabulary) = (keys.Task(ModelTask.CausalLanguageModel), keys.Whole("vocab_size", defaults.Vocabulary));
        var norm = defaults.Norm with { Epsilon = keys.Number("rms_norm_eps", defaults.Norm.Epsilon) };
        var block = new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = groups, HeadSize = size, Bias = false, OutputBias = false,
                Causal = keys.Flag("is_causal", true), // not in models made of these that embed texts
                Dropout = keys.Probability("attention_dropout", 0), Rotary = defaults.Rotary.Read(keys, size, positions),
            },
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = keys.Whole("intermediate_size", defaults.HiddenSize), Gated = true, Bias = false,
                Activation = keys.ActivationName(keys.Name("hidden_activation", "hidden_act"), defaults.Activation),
            },
            Norm = norm,
        };
        return Adapt(keys, new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, Pooling = Pooling.Last,
            ContextLength = block.Attention.Rotary!.Reach(positions),
            Head = keys.DecoderHead(task, vocabulary, tied: defaults.Tied),
            Initialization = new Initialization { StandardDeviation = keys.Number("initializer_range", 0.02) },
            Decoder = new StackOptions
            {
                Embeddings = new EmbeddingOptions
                {
                    VocabularySize = vocabulary, Width = width, PaddingToken = keys.Token("pad_token_id", defaults.PaddingToken),
                },
                Blocks = Blocks(keys, block, layers),
                FinalNorm = norm,
            },
        });
    }

    /// <summary>The layers' blocks, from one as LLaMA's would be without biases.</summary>
    protected virtual IReadOnlyList<BlockOptions> Blocks(ConfigKeys keys, BlockOptions block, int layers)
        => [.. Enumerable.Repeat(block, layers)];

    /// <summary>What is different outside the blocks.</summary>
    protected virtual ModelConfig Adapt(ConfigKeys keys, ModelConfig config) => config;

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        var names = new WeightNames
        {
            BasePrefix = "model.", BaseName = config.Task == ModelTask.QuestionAnswering ? defaults.QuestionAnsweringBase : null,
        };
        names.Same("backbone.embeddings.tokens", "model.embed_tokens").Same("backbone.norm", FinalNorm).Ignore("rotary_emb.inv_freq");
        NameNorms(names);
        NameAttention(names, config.Main.Blocks[0].Attention);
        NameFeedForward(names, config.Main.Blocks[0].FeedForward);
        return names.DecoderHead(config);
    }

    /// <summary>What the norm after the last layer is called.</summary>
    protected virtual string FinalNorm => "model.norm";

    /// <summary>What attention's last projection is called.</summary>
    protected virtual string Output => "o_proj";

    /// <summary>What the norms of a layer are called.</summary>
    protected virtual void NameNorms(WeightNames names) => names
        .Same($"{Ours}.attention_norm", $"{Layer}.input_layernorm")
        .Same($"{Ours}.feed_forward_norm", $"{Layer}.post_attention_layernorm")
        .Same($"{Ours}.attention.query_norm", $"{Self}.q_norm").Same($"{Ours}.attention.key_norm", $"{Self}.k_norm");

    /// <summary>What the projections of its attention are called.</summary>
    protected virtual void NameAttention(WeightNames names, AttentionOptions attention)
    {
        var (queries, keys) = ((long)attention.Heads * attention.HeadSize, (long)attention.KeyValueHeads * attention.HeadSize);
        names.Rows($"{Ours}.attention.qkv", ($"{Self}.q_proj", queries), ($"{Self}.k_proj", keys), ($"{Self}.v_proj", keys))
            .Same($"{Ours}.attention.output", $"{Self}.{Output}");
    }

    /// <summary>What those of its feed-forward layer are called.</summary>
    protected virtual void NameFeedForward(WeightNames names, FeedForwardOptions feedForward) => names
        .Rows($"{Ours}.feed_forward.up",
            ($"{Layer}.mlp.gate_proj", feedForward.HiddenSize), ($"{Layer}.mlp.up_proj", feedForward.HiddenSize))
        .Same($"{Ours}.feed_forward.down", $"{Layer}.mlp.down_proj");
}
