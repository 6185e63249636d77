using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>
/// How a family's configuration and weights are called in GGUF (llama.cpp's gguf-py/gguf/constants.py): one page each for GPT-2 and LLaMA.
/// A configuration that GGUF cannot tell is refused by the key.
/// </summary>
internal abstract partial class GgufFamily
{
    private static readonly GgufFamily[] s_all = [new Gpt2Family(), new LlamaFamily()];

    /// <summary><c>model_type</c></summary>
    public abstract string ModelType { get; }

    /// <summary><c>general.architecture</c></summary>
    public virtual string Architecture => ModelType;

    /// <summary>A configuration's keys, what GGUF calls them after the architecture's name, and what they are where not told.</summary>
    protected abstract (string Published, string Gguf, object Otherwise)[] Keys { get; }

    /// <summary>Modules' published names with GGUF's, <c>*</c> standing for the layer.</summary>
    protected abstract (string Published, string Gguf)[] Modules { get; }

    /// <summary>The family of a published configuration.</summary>
    /// <exception cref="CheckpointException">GGUF is not written for it.</exception>
    public static GgufFamily OfModel(string modelType) => Array.Find(s_all, f => f.ModelType == modelType)
        ?? throw new CheckpointException($"GGUF is not written for {modelType}: for {Known(f => f.ModelType)}");

    /// <summary>The family of a file.</summary>
    /// <exception cref="CheckpointException">It is not read.</exception>
    public static GgufFamily OfFile(object? architecture) => Array.Find(s_all, f => f.Architecture.Equals(architecture))
        ?? throw new CheckpointException($"GGUF of {architecture} is not read: of {Known(f => f.Architecture)}");

    private static string Known(Func<GgufFamily, string> name) => string.Join(" and ", s_all.Select(name));

    /// <summary>What GGUF says of a model.</summary>
    /// <exception cref="CheckpointException">A key's value has no place there.</exception>
    public virtual Dictionary<string, object> Metadata(JsonObject config)
        => Keys.ToDictionary(k => $"{Architecture}.{k.Gguf}", k => config[k.Published] switch
        {
            null => k.Otherwise,
            var whole when k.Otherwise is uint => (uint)whole.GetValue<int>(),
            var number => (object)(float)number.GetValue<double>(),
        });

    /// <summary>The published configuration of a file.</summary>
    public virtual JsonObject Config(IReadOnlyDictionary<string, object> metadata, IReadOnlyDictionary<string, GgufTensor> tensors)
    {
        var config = new JsonObject
        {
            ["model_type"] = ModelType, ["vocab_size"] = tensors["token_embd.weight"].Shape[0],
            ["tie_word_embeddings"] = !tensors.ContainsKey("output.weight"),
        };
        foreach (var (published, gguf, otherwise) in Keys)
        {
            var value = metadata.GetValueOrDefault($"{Architecture}.{gguf}", otherwise);
            // Through its shortest spelling: 1e-5, not the float next to it.
            config[published] = otherwise is uint ? (JsonNode)Convert.ToInt64(value, CultureInfo.InvariantCulture)
                : double.Parse(((float)value).ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        }
        return config;
    }

    /// <summary>A published tensor's name in GGUF; null: it has no place there.</summary>
    public string? Gguf(string published) => Renamed(published, Modules);

    /// <summary>The published name of a tensor in GGUF; null: none.</summary>
    public string? Published(string gguf) => Renamed(gguf, Modules.Select(m => (m.Gguf, m.Published)));

    /// <summary>A published tensor as GGUF has it.</summary>
    public abstract Tensor ToGguf(string gguf, Tensor tensor, JsonObject config);

    /// <summary>A tensor of GGUF's as it is published.</summary>
    public abstract Tensor ToPublished(string gguf, Tensor tensor, JsonObject config);

    private static string? Renamed(string name, IEnumerable<(string From, string To)> modules)
    {
        var dot = name.LastIndexOf('.');
        var (module, kind) = (name[..Math.Max(dot, 0)], name[(dot + 1)..]);
        var index = Index().Match(module).Groups["index"].Value;
        var starred = Index().Replace(module, ".*.", 1);
        var renamed = modules.Where(m => m.From == starred).Select(m => m.To).FirstOrDefault();
        return renamed is null ? null : $"{renamed.Replace("*", index, StringComparison.Ordinal)}.{kind}";
    }

    [GeneratedRegex(@"\.(?<index>\d+)\.")]
    private static partial Regex Index();

    /// <summary>GPT-2, whose published matrices are (in, out).</summary>
    private sealed class Gpt2Family : GgufFamily
    {
        public override string ModelType => "gpt2";

        protected override (string, string, object)[] Keys =>
        [
            ("n_positions", "context_length", 1024u), ("n_embd", "embedding_length", 768u), ("n_layer", "block_count", 12u),
            ("n_head", "attention.head_count", 12u), ("layer_norm_epsilon", "attention.layer_norm_epsilon", 1e-5f),
            ("n_inner", "feed_forward_length", 0u),
        ];

        protected override (string, string)[] Modules =>
        [
            ("transformer.wte", "token_embd"), ("transformer.wpe", "position_embd"), ("transformer.ln_f", "output_norm"),
            ("lm_head", "output"), ("transformer.h.*.ln_1", "blk.*.attn_norm"), ("transformer.h.*.ln_2", "blk.*.ffn_norm"),
            ("transformer.h.*.attn.c_attn", "blk.*.attn_qkv"), ("transformer.h.*.attn.c_proj", "blk.*.attn_output"),
            ("transformer.h.*.mlp.c_fc", "blk.*.ffn_up"), ("transformer.h.*.mlp.c_proj", "blk.*.ffn_down"),
        ];

        public override Dictionary<string, object> Metadata(JsonObject config)
        {
            if ($"{config["activation_function"] ?? "gelu_new"}" is not ("gelu_new" or "gelu_pytorch_tanh"))
                throw new CheckpointException($"activation_function {config["activation_function"]}: GGUF's gpt2 has gelu_new alone");
            foreach (var flag in (string[])["scale_attn_by_inverse_layer_idx", "add_cross_attention"])
                if (config[flag]?.GetValue<bool>() == true) throw new CheckpointException($"{flag} has no place in GGUF");
            var metadata = base.Metadata(config);
            if (config["n_inner"] is null) metadata["gpt2.feed_forward_length"] = 4 * (uint)metadata["gpt2.embedding_length"];
            return metadata;
        }

        public override Tensor ToGguf(string gguf, Tensor tensor, JsonObject config) => IsMatrix(gguf) ? tensor.t() : tensor;

        public override Tensor ToPublished(string gguf, Tensor tensor, JsonObject config) => IsMatrix(gguf) ? tensor.t() : tensor;

        private static bool IsMatrix(string gguf)
            => gguf.StartsWith("blk.", StringComparison.Ordinal) && gguf.EndsWith(".weight", StringComparison.Ordinal)
                && !gguf.Contains("norm", StringComparison.Ordinal);
    }

    /// <summary>LLaMA, whose rotary pairs are neighbours in GGUF and halves as published.</summary>
    private sealed class LlamaFamily : GgufFamily
    {
        public override string ModelType => "llama";

        protected override (string, string, object)[] Keys =>
        [
            ("max_position_embeddings", "context_length", 2048u), ("hidden_size", "embedding_length", 4096u),
            ("num_hidden_layers", "block_count", 32u), ("intermediate_size", "feed_forward_length", 11008u),
            ("num_attention_heads", "attention.head_count", 32u), ("num_key_value_heads", "attention.head_count_kv", 0u),
            ("head_dim", "attention.key_length", 0u), ("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6f),
            ("rope_theta", "rope.freq_base", 10000f),
        ];

        protected override (string, string)[] Modules =>
        [
            ("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output"),
            ("model.layers.*.input_layernorm", "blk.*.attn_norm"), ("model.layers.*.post_attention_layernorm", "blk.*.ffn_norm"),
            ("model.layers.*.self_attn.q_proj", "blk.*.attn_q"), ("model.layers.*.self_attn.k_proj", "blk.*.attn_k"),
            ("model.layers.*.self_attn.v_proj", "blk.*.attn_v"), ("model.layers.*.self_attn.o_proj", "blk.*.attn_output"),
            ("model.layers.*.mlp.gate_proj", "blk.*.ffn_gate"), ("model.layers.*.mlp.up_proj", "blk.*.ffn_up"),
            ("model.layers.*.mlp.down_proj", "blk.*.ffn_down"),
        ];

        public override Dictionary<string, object> Metadata(JsonObject config)
        {
            var rope = config["rope_parameters"] as JsonObject ?? config["rope_scaling"] as JsonObject;
            if ($"{rope?["rope_type"] ?? rope?["type"] ?? "default"}" is var type and not "default")
                throw new CheckpointException($"rotary positions scaled by {type} are not written to GGUF yet");
            if ($"{config["hidden_act"] ?? "silu"}" is var activation and not "silu")
                throw new CheckpointException($"hidden_act {activation}: GGUF's llama has silu alone");
            var metadata = base.Metadata(config);
            if (rope?["rope_theta"] is { } theta) metadata["llama.rope.freq_base"] = (float)theta.GetValue<double>();
            var (heads, width) = ((uint)metadata["llama.attention.head_count"], (uint)metadata["llama.embedding_length"]);
            if (metadata["llama.attention.head_count_kv"] is 0u) metadata["llama.attention.head_count_kv"] = heads;
            if (metadata["llama.attention.key_length"] is 0u) metadata["llama.attention.key_length"] = width / heads;
            metadata["llama.attention.value_length"] = metadata["llama.rope.dimension_count"] = metadata["llama.attention.key_length"];
            return metadata;
        }

        public override JsonObject Config(IReadOnlyDictionary<string, object> metadata, IReadOnlyDictionary<string, GgufTensor> tensors)
        {
            if (tensors.ContainsKey("rope_freqs.weight"))
                throw new CheckpointException("scaled rotary positions are not read from GGUF yet");
            var config = base.Config(metadata, tensors);
            var heads = (long)config["num_attention_heads"]!;
            if ((long)config["num_key_value_heads"]! == 0) config["num_key_value_heads"] = heads;
            if ((long)config["head_dim"]! == 0) config["head_dim"] = (long)config["hidden_size"]! / heads;
            config["attention_bias"] = tensors.ContainsKey("blk.0.attn_q.bias");
            return config;
        }

        public override Tensor ToGguf(string gguf, Tensor tensor, JsonObject config) => Turned(gguf, tensor, config, halves: true);

        public override Tensor ToPublished(string gguf, Tensor tensor, JsonObject config) => Turned(gguf, tensor, config, halves: false);

        // Rows (heads, 2, half) become (heads, half, 2), or back.
        private static Tensor Turned(string gguf, Tensor tensor, JsonObject config, bool halves)
        {
            var heads = gguf.Contains(".attn_q.", StringComparison.Ordinal) ? config["num_attention_heads"]
                : !gguf.Contains(".attn_k.", StringComparison.Ordinal) ? null
                : config["num_key_value_heads"] ?? config["num_attention_heads"];
            if (heads is null) return tensor;
            var half = tensor.shape[0] / heads.GetValue<long>() / 2;
            var (first, second) = halves ? (2L, half) : (half, 2L);
            return tensor.reshape([-1, first, second, .. tensor.shape[1..]]).transpose(1, 2).reshape(tensor.shape);
        }
    }
}
