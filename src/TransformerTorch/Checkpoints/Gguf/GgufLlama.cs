using System.Globalization;
using System.Text.Json.Nodes;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>
/// LLaMA and what is built as it is: Mistral, which GGUF calls by LLaMA's name, Qwen 2 and 3. LLaMA's rotary pairs are neighbours in GGUF
/// and halves as published; those of the others are halves in both.
/// </summary>
internal class GgufLlama(string modelType, string? architecture = null) : GgufFamily
{
    private const string Frequencies = "rope_freqs.weight";

    public override string ModelType => modelType;

    public override string Architecture => architecture ?? modelType;

    protected override (string, string, object)[] Keys =>
    [
        ("max_position_embeddings", "context_length", 2048u), ("hidden_size", "embedding_length", 4096u),
        ("num_hidden_layers", "block_count", 32u), ("intermediate_size", "feed_forward_length", 11008u),
        ("num_attention_heads", "attention.head_count", 32u), ("num_key_value_heads", "attention.head_count_kv", 0u),
        ("head_dim", "attention.key_length", 0u), ("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6f),
    ];

    protected override (string, string)[] Modules =>
    [
        ("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output"),
        ("model.layers.*.input_layernorm", "blk.*.attn_norm"), ("model.layers.*.post_attention_layernorm", "blk.*.ffn_norm"),
        ("model.layers.*.self_attn.q_proj", "blk.*.attn_q"), ("model.layers.*.self_attn.k_proj", "blk.*.attn_k"),
        ("model.layers.*.self_attn.v_proj", "blk.*.attn_v"), ("model.layers.*.self_attn.o_proj", "blk.*.attn_output"),
        ("model.layers.*.self_attn.q_norm", "blk.*.attn_q_norm"), ("model.layers.*.self_attn.k_norm", "blk.*.attn_k_norm"),
        ("model.layers.*.mlp.gate_proj", "blk.*.ffn_gate"), ("model.layers.*.mlp.up_proj", "blk.*.ffn_up"),
        ("model.layers.*.mlp.down_proj", "blk.*.ffn_down"),
    ];

    /// <summary>The block whose rotary positions the file tells of.</summary>
    protected static BlockOptions Global(ModelConfig config)
        => config.Main.Blocks.FirstOrDefault(b => b.Attention.Window == 0) ?? config.Main.Blocks[0];

    public override IEnumerable<(string, object)> Metadata(ModelConfig config)
    {
        var (block, main) = (Global(config), config.Main);
        var (attention, rotary) = (block.Attention, block.Attention.Rotary!);
        var positions = config.Published["max_position_embeddings"]?.GetValue<long>() ?? config.ContextLength;
        (string, object)[] scaling = rotary.Scaling switch
        {
            LinearScaling linear => [("rope.scaling.type", "linear"), ("rope.scaling.factor", (float)linear.Factor)],
            YarnScaling yarn =>
            [
                ("rope.scaling.type", "yarn"), ("rope.scaling.factor", (float)yarn.Factor),
                ("rope.scaling.original_context_length", (uint)yarn.Context),
            ],
            _ => [],
        };
        return
        [
            ("context_length", (uint)positions), ("embedding_length", (uint)attention.Width), ("block_count", (uint)main.Blocks.Count),
            ("feed_forward_length", (uint)block.FeedForward.HiddenSize), ("attention.head_count", (uint)attention.Heads),
            ("attention.head_count_kv", (uint)attention.KeyValueHeads), ("attention.key_length", (uint)attention.HeadSize),
            ("attention.value_length", (uint)attention.HeadSize), ("attention.layer_norm_rms_epsilon", (float)block.Norm.Epsilon),
            ("rope.freq_base", (float)rotary.Theta), ("rope.dimension_count", (uint)rotary.Size), .. scaling,
        ];
    }

    /// <summary>
    /// As llama.cpp's loader has it: a tensor that the architecture does not know is an error there, and so is a head turned in part
    /// where the architecture turns all of it.
    /// </summary>
    public override IEnumerable<string> Unread(ModelConfig config, IEnumerable<string> gguf)
    {
        var attention = Global(config).Attention;
        if (Architecture != "phi3" && attention.Rotary!.Size != attention.HeadSize)
            yield return $"Attention.Rotary.Size is {attention.Rotary.Size} of {attention.HeadSize}, and llama.cpp turns the whole head";
        if (Architecture == "llama") yield break;
        if (attention.OutputBias) yield return "Attention.OutputBias is True, and llama.cpp reads none";
        if (attention.Rotary!.Scaling is BandScaling)
            yield return "Attention.Rotary.Scaling is BandScaling, which llama.cpp reads of llama";
    }

    public override JsonObject Config(GgufContents file)
    {
        var config = base.Config(file);
        var size = config["head_dim"]?.GetValue<long>() ?? ((long)config["hidden_size"]! / (long)config["num_attention_heads"]!);
        config["head_dim"] = size;
        config["attention_bias"] = file.Shapes.ContainsKey("blk.0.attn_q.bias") && Architecture != "qwen2"; // which has them always
        config["mlp_bias"] = file.Shapes.ContainsKey("blk.0.ffn_up.bias");
        config["rope_parameters"] = Rotary(file, size, (long)config["max_position_embeddings"]!);
        return config;
    }

    /// <summary>A file's rotary positions, in the keys of Transformers 5.</summary>
    protected JsonObject Rotary(GgufContents file, long headSize, long positions)
    {
        var rotary = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = Number(Value(file, "rope.freq_base") ?? 10000f) };
        if (Value(file, "rope.dimension_count") is { } turned && Convert.ToInt64(turned, CultureInfo.InvariantCulture) is var count
            && count != headSize) rotary["partial_rotary_factor"] = (double)count / headSize;
        if (file.Shapes.ContainsKey(Frequencies)) return GgufFrequencies.Keys(rotary, file.Numbers(Frequencies), positions);
        var type = Value(file, "rope.scaling.type") as string ?? "none";
        if (type is "none") return rotary;
        if (type is not ("linear" or "yarn")) throw new CheckpointException($"rotary positions scaled by {type} are not read from GGUF");
        rotary["rope_type"] = type;
        rotary["factor"] = Number(Value(file, "rope.scaling.factor") ?? 1f);
        if (type is "yarn" && Value(file, "rope.scaling.original_context_length") is { } context)
            rotary["original_max_position_embeddings"] = Convert.ToInt64(context, CultureInfo.InvariantCulture);
        return rotary;
    }

    public override IEnumerable<(string, float[])> Tables(ModelConfig config)
        => Global(config).Attention.Rotary is { Scaling: BandScaling band } rotary ? [(Frequencies, GgufFrequencies.Divisors(rotary, band))]
            : [];

    public override bool IsTable(string gguf) => gguf == Frequencies;

    public override Tensor ToGguf(string gguf, Tensor tensor, ModelConfig config) => Turned(gguf, tensor, config, halves: true);

    public override Tensor ToPublished(string gguf, Tensor tensor, ModelConfig config) => Turned(gguf, tensor, config, halves: false);

    // Rows (heads, 2, half) become (heads, half, 2), or back.
    private Tensor Turned(string gguf, Tensor tensor, ModelConfig config, bool halves)
    {
        if (Architecture != "llama") return tensor;
        if (!gguf.Contains(".attn_q.", StringComparison.Ordinal) && !gguf.Contains(".attn_k.", StringComparison.Ordinal)) return tensor;
        long half = config.Main.Blocks[0].Attention.HeadSize / 2;
        var (first, second) = halves ? (2L, half) : (half, 2L);
        return tensor.reshape([-1, first, second, .. tensor.shape[1..]]).transpose(1, 2).reshape(tensor.shape);
    }
}

/// <summary>Phi-3, whose fused matrices stay so.</summary>
internal sealed class GgufPhi3() : GgufLlama("phi3")
{
    protected override (string, string, object)[] Keys => [.. base.Keys, ("sliding_window", "attention.sliding_window", 0u)];

    protected override (string, string)[] Modules =>
    [
        ("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output"),
        ("model.layers.*.input_layernorm", "blk.*.attn_norm"), ("model.layers.*.post_attention_layernorm", "blk.*.ffn_norm"),
        ("model.layers.*.self_attn.qkv_proj", "blk.*.attn_qkv"), ("model.layers.*.self_attn.o_proj", "blk.*.attn_output"),
        ("model.layers.*.mlp.gate_up_proj", "blk.*.ffn_up"), ("model.layers.*.mlp.down_proj", "blk.*.ffn_down"),
    ];
}
