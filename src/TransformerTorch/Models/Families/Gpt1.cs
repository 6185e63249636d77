using System.Text.Json.Nodes;
using TransformerTorch.Layers;

namespace TransformerTorch.Models.Families;

/// <summary>
/// GPT (Radford et al., 2018, "Improving Language Understanding by Generative Pre-Training"): learned positions, norms after each part,
/// a head tied to the token table. Published weights of projections are (in, out).
/// </summary>
public sealed class Gpt1 : IModelFamily
{
    /// <inheritdoc/>
    public string ModelType => "openai-gpt";

    /// <inheritdoc/>
    public string ClassName(ModelTask task)
        => task == ModelTask.CausalLanguageModel ? "OpenAIGPTLMHeadModel" : "OpenAIGPT" + Architecture.Ending(task);

    /// <inheritdoc/>
    public ModelConfig Resolve(ConfigKeys keys, JsonObject published)
    {
        var (widthKey, headsKey) = (keys.Name("n_embd", "hidden_size"), keys.Name("n_head", "num_attention_heads"));
        var (width, heads) = (keys.Whole(widthKey, 768), keys.Whole(headsKey, 12));
        var positions = keys.Whole(keys.Name("n_positions", "max_position_embeddings"), 512);
        var (task, vocabulary) = (keys.Task(ModelTask.CausalLanguageModel), keys.Whole("vocab_size", 40478));
        var activation = keys.OneOf("afn", ["gelu", "relu", "silu", "swish"], "gelu");
        var block = new BlockOptions
        {
            Attention = new AttentionOptions
            {
                Width = width, Heads = heads, KeyValueHeads = heads, HeadSize = keys.HeadSize((widthKey, width), (headsKey, heads)),
                Dropout = keys.Probability("attn_pdrop", 0.1),
            },
            FeedForward = new FeedForwardOptions
            {
                Width = width, HiddenSize = 4 * width,
                Activation = activation == "gelu" ? "gelu_new" : activation, // so named, and meant so
            },
            Norm = new NormOptions { Epsilon = keys.Number("layer_norm_epsilon", 1e-5) },
            Placement = NormPlacement.Post, Dropout = keys.Probability("resid_pdrop", 0.1),
        };
        return new ModelConfig
        {
            ModelType = ModelType, Published = published, ContextLength = positions, Task = task, Pooling = Pooling.Last,
            Head = keys.DecoderHead(task, vocabulary, tied: true),
            Initialization = new Initialization { StandardDeviation = keys.Number("initializer_range", 0.02) },
            Decoder = new StackOptions
            {
                Embeddings = new EmbeddingOptions
                {
                    VocabularySize = vocabulary, Width = width, Positions = positions, Dropout = keys.Probability("embd_pdrop", 0.1),
                },
                Blocks = [.. Enumerable.Repeat(block, keys.Whole(keys.Name("n_layer", "num_hidden_layers"), 12))],
            },
        };
    }

    /// <inheritdoc/>
    public WeightNames Names(ModelConfig config)
    {
        const string ours = "backbone.layers.*", layer = "transformer.h.*";
        return new WeightNames { BasePrefix = "transformer." }
            .Same("backbone.embeddings.tokens", "transformer.tokens_embed")
            .Same("backbone.embeddings.positions", "transformer.positions_embed")
            .Transposed($"{ours}.attention.qkv", $"{layer}.attn.c_attn").Transposed($"{ours}.attention.output", $"{layer}.attn.c_proj")
            .Same($"{ours}.attention_norm", $"{layer}.ln_1")
            .Transposed($"{ours}.feed_forward.up", $"{layer}.mlp.c_fc").Transposed($"{ours}.feed_forward.down", $"{layer}.mlp.c_proj")
            .Same($"{ours}.feed_forward_norm", $"{layer}.ln_2")
            .Ignore(".attn.bias", "position_ids")
            .DecoderHead(config);
    }
}
