using System.Text.Json.Nodes;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>
/// Gemma 1 to 3. GGUF holds norms as they multiply, the published files as differences from one. What GGUF does not say is fixed in
/// llama.cpp: which layers have windows, the base of their rotary positions, and how scores are scaled.
/// </summary>
internal sealed class GgufGemma(int generation) : GgufLlama(
    generation switch { 1 => "gemma", 2 => "gemma2", _ => "gemma3_text" }, generation == 3 ? "gemma3" : null)
{
    // The largest of either generation, known by their layers, scale by the width's share of a head and not by its size.
    private const int LargestSecond = 46, LargestThird = 62;

    protected override (string, string, object)[] Keys => generation == 1 ? base.Keys : [.. base.Keys,
        ("sliding_window", "attention.sliding_window", 4096u),
        ("attn_logit_softcapping", "attn_logit_softcapping", generation == 2 ? 50f : 0f),
        ("final_logit_softcapping", "final_logit_softcapping", generation == 2 ? 30f : 0f),
    ];

    protected override (string, string)[] Modules => generation == 1 ? base.Modules :
    [
        ("model.layers.*.post_attention_layernorm", "blk.*.post_attention_norm"),
        ("model.layers.*.pre_feedforward_layernorm", "blk.*.ffn_norm"),
        ("model.layers.*.post_feedforward_layernorm", "blk.*.post_ffw_norm"),
        .. base.Modules.Where(m => m.Item2 != "blk.*.ffn_norm"),
    ];

    public override IEnumerable<(string, object)> Metadata(ModelConfig config)
    {
        var own = base.Metadata(config);
        if (generation == 1) return own;
        if (config.Main.Blocks.Max(b => b.Attention.Window) is > 0 and var window)
            own = own.Append(("attention.sliding_window", (uint)window));
        if (generation == 2 && ScoreCap(config) is { } at) own = own.Append(("attn_logit_softcapping", at));
        if (config.Head?.SoftCap is > 0 and var last) own = own.Append(("final_logit_softcapping", (float)last));
        return own;
    }

    public override IEnumerable<string> Unread(ModelConfig config, IEnumerable<string> gguf)
    {
        foreach (var part in base.Unread(config, gguf)) yield return part;
        if (generation < 3 && gguf.Contains("output.weight")) yield return "Head is not tied, and llama.cpp's is";
        if (generation == 2 && ScoreCap(config) is null) yield return "attn_logit_softcapping is none, which llama.cpp reads as 50";
    }

    // As published: our attention has it only where the configuration asks for the reference's slow kernel.
    private static float? ScoreCap(ModelConfig config)
        => config.Published.TryGetPropertyValue("attn_logit_softcapping", out var said) ? said?.GetValue<float>() : 50;

    public override JsonObject Config(GgufContents file)
    {
        var config = base.Config(file);
        if (generation == 1) return config;
        var (layers, size) = ((int)(long)config["num_hidden_layers"]!, (long)config["head_dim"]!);
        var isLargest = layers == (generation == 2 ? LargestSecond : LargestThird);
        config["query_pre_attn_scalar"] = isLargest ? (long)config["hidden_size"]! / (long)config["num_attention_heads"]! : size;
        var pattern = generation == 2 ? 2 : 6;
        config["layer_types"] = new JsonArray([.. Enumerable.Range(1, layers)
            .Select(layer => (JsonNode)(layer % pattern == 0 ? "full_attention" : "sliding_attention"))]);
        if (generation == 2) return config;
        config["rope_parameters"] = new JsonObject
        {
            ["full_attention"] = config["rope_parameters"]!.DeepClone(),
            ["sliding_attention"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = 10000.0 },
        };
        return config;
    }

    public override Tensor ToGguf(string gguf, Tensor tensor, ModelConfig config) => IsNorm(gguf) ? tensor + 1 : tensor;

    public override Tensor ToPublished(string gguf, Tensor tensor, ModelConfig config) => IsNorm(gguf) ? tensor - 1 : tensor;

    private static bool IsNorm(string gguf) => gguf.EndsWith("norm.weight", StringComparison.Ordinal);
}
