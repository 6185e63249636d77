using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Checkpoints.Gguf;

/// <summary>GPT-2, whose published matrices are (in, out).</summary>
internal sealed class GgufGpt2 : GgufFamily
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

    public override IEnumerable<(string, object)> Metadata(ModelConfig config)
    {
        var (block, main) = (config.Main.Blocks[0], config.Main);
        return
        [
            ("context_length", (uint)config.ContextLength), ("embedding_length", (uint)block.Attention.Width),
            ("block_count", (uint)main.Blocks.Count), ("attention.head_count", (uint)block.Attention.Heads),
            ("attention.layer_norm_epsilon", (float)block.Norm.Epsilon), ("feed_forward_length", (uint)block.FeedForward.HiddenSize),
        ];
    }

    public override Tensor ToGguf(string gguf, Tensor tensor, ModelConfig config) => IsMatrix(gguf) ? tensor.t() : tensor;

    public override Tensor ToPublished(string gguf, Tensor tensor, ModelConfig config) => IsMatrix(gguf) ? tensor.t() : tensor;

    private static bool IsMatrix(string gguf)
        => gguf.StartsWith("blk.", StringComparison.Ordinal) && gguf.EndsWith(".weight", StringComparison.Ordinal)
            && !gguf.Contains("norm", StringComparison.Ordinal);
}
