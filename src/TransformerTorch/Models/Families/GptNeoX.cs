using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// GPT-NeoX and Pythia (Black et al., 2022): attention and feed-forward layer side by side, each behind its own norm, rotary positions in
/// a part of each head; queries, keys and values published head by head.
/// </summary>
public sealed class GptNeoX : IModelFamily
{
    private static readonly RotaryKeys s_rotary = new() { ThetaKey = "rotary_emb_base", Partial = 0.25, PartialKey = "rotary_pct" };

    /// <inheritdoc/>
    public string ModelType => "gpt_neox";

    /// <inheritdoc/>
    public string ClassName(ModelTask task) => "GPTNeoX" + Architecture.Ending(task);

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (width, heads) = (keys.Whole("hidden_size", 6144), keys.Whole("num_attention_heads", 64));
        var size = keys.HeadSize(("hidden_size", width), ("num_attention_heads", heads));
        var positions = keys.Whole("max_position_embeddings", 2048);
        var (task, vocabulary) = (keys.Task(ModelTask.CausalLanguageModel), keys.Whole("vocab_size", 50432));
        var (bias, dropout) = (keys.Flag("attention_bias", true), keys.Probability("hidden_dropout", 0));
        var norm = new NormOptions { Epsilon = keys.Number("layer_norm_eps", 1e-5) };
        var block = new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = heads, HeadSize = size, Bias = bias, OutputBias = bias,
                Dropout = keys.Probability("attention_dropout", 0), Rotary = s_rotary.Read(keys, size, positions),
            },
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = keys.Whole("intermediate_size", 24576), Activation = keys.ActivationName("hidden_act", "gelu"),
            },
            Norm = norm, Dropout = dropout,
            Placement = keys.Flag("use_parallel_residual", true) ? NormPlacement.Parallel : NormPlacement.Pre,
        };
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, Task = task, Pooling = Pooling.Last,
            ContextLength = block.Attention.Rotary!.Reach(positions),
            Head = keys.DecoderHead(task, vocabulary, tied: false),
            Initialization = new Initialization { StandardDeviation = keys.Number("initializer_range", 0.02) },
            Decoder = new StackOptions
            {
                Embeddings = new EmbeddingOptions { VocabularySize = vocabulary, Width = width, Dropout = dropout },
                Blocks = [.. Enumerable.Repeat(block, keys.Whole("num_hidden_layers", 44))],
                FinalNorm = norm,
            },
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        const string ours = "backbone.layers.*", layer = "gpt_neox.layers.*";
        return new WeightNames { BasePrefix = "gpt_neox." }
            .Same("backbone.embeddings.tokens", "gpt_neox.embed_in")
            .Same($"{ours}.attention_norm", $"{layer}.input_layernorm")
            .RowsByHead($"{ours}.attention.qkv", $"{layer}.attention.query_key_value", config.Main.Blocks[0].Attention.Heads)
            .Same($"{ours}.attention.output", $"{layer}.attention.dense")
            .Same($"{ours}.feed_forward_norm", $"{layer}.post_attention_layernorm")
            .Same($"{ours}.feed_forward.up", $"{layer}.mlp.dense_h_to_4h").Same($"{ours}.feed_forward.down", $"{layer}.mlp.dense_4h_to_h")
            .Same("backbone.norm", "gpt_neox.final_layer_norm")
            .Ignore(".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq")
            .DecoderHead(config, vocabulary: "embed_out", tokens: "classifier");
    }
}
