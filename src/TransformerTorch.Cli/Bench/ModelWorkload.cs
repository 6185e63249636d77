using System.Text.Json.Nodes;
using TransformerTorch.Models;

namespace TransformerTorch.Cli.Bench;

/// <summary>What a workload does with its model.</summary>
internal enum WorkloadKind
{
    /// <summary>Whole training steps.</summary>
    Train,

    /// <summary>Texts to hidden states.</summary>
    Embed,

    /// <summary>A prompt to the scores of every position.</summary>
    Prefill,

    /// <summary>A token at a time from the cache.</summary>
    Decode,
}

/// <summary>A model and what it is given, as the peer's benchmark defines them; dropout is off and weights are random.</summary>
/// <param name="Kind">what is timed</param>
/// <param name="Family">gpt2, llama, bert or t5</param>
/// <param name="Vocabulary">V</param>
/// <param name="Batch">B</param>
/// <param name="Length">T, beside a decoder of the encoder</param>
internal sealed record ModelWorkload(WorkloadKind Kind, string Family, int Vocabulary, int Batch, int Length)
{
    public int Layers { get; init; } = 12;

    public int Width { get; init; } = 768;

    public int Heads { get; init; } = 12;

    /// <summary>U, tokens that a decoder beside an encoder learns to write.</summary>
    public int Target { get; init; }

    /// <summary>New tokens, where it decodes.</summary>
    public int New { get; init; }

    public ModelConfig Model => ModelConfig.FromKeys(Family switch
    {
        "gpt2" => new JsonObject
        {
            ["n_layer"] = Layers, ["n_embd"] = Width, ["n_head"] = Heads, ["vocab_size"] = Vocabulary, ["n_positions"] = 1024,
            ["resid_pdrop"] = 0.0, ["embd_pdrop"] = 0.0, ["attn_pdrop"] = 0.0, ["model_type"] = Family,
        },
        "llama" => new JsonObject
        {
            ["num_hidden_layers"] = Layers, ["hidden_size"] = Width, ["num_attention_heads"] = Heads, ["num_key_value_heads"] = Heads / 4,
            ["intermediate_size"] = 4 * Width, ["vocab_size"] = Vocabulary, ["max_position_embeddings"] = 2048,
            ["tie_word_embeddings"] = true, ["model_type"] = Family,
        },
        "bert" => new JsonObject
        {
            ["num_hidden_layers"] = Layers, ["hidden_size"] = Width, ["num_attention_heads"] = Heads, ["vocab_size"] = Vocabulary,
            ["intermediate_size"] = 4 * Width, ["hidden_dropout_prob"] = 0.0, ["attention_probs_dropout_prob"] = 0.0,
            ["model_type"] = Family, ["architectures"] = new JsonArray(Kind == WorkloadKind.Train ? "BertForMaskedLM" : "BertModel"),
        },
        "t5" => new JsonObject
        {
            ["num_layers"] = Layers, ["d_model"] = Width, ["num_heads"] = Heads, ["d_kv"] = Width / Heads, ["d_ff"] = 4 * Width,
            ["vocab_size"] = Vocabulary, ["dropout_rate"] = 0.0, ["decoder_start_token_id"] = 0, ["pad_token_id"] = 0,
            ["model_type"] = Family, ["architectures"] = new JsonArray("T5ForConditionalGeneration"),
        },
        _ => throw new ArgumentException($"no benchmark of the family {Family}"),
    }, "the benchmark");
}
