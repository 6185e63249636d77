using System.Text.Json;
using System.Text.Json.Nodes;

namespace TransformerTorch.Models;

/// <summary>
/// How a published model is to continue texts: its <c>generation_config.json</c>, or, in files of before that, those keys of
/// <c>config.json</c> that mean this.
/// </summary>
public static class GenerationKeys
{
    /// <summary>The file.</summary>
    public const string FileName = "generation_config.json";

    private static readonly string[] s_names =
    [
        "bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id",
        "max_length", "min_length", "max_new_tokens", "min_new_tokens", "do_sample", "early_stopping", "num_beams", "num_beam_groups",
        "diversity_penalty", "temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty", "length_penalty",
        "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "suppress_tokens", "begin_suppress_tokens",
        "num_return_sequences",
    ];

    /// <summary>Those of a model's folder; none where it says nothing.</summary>
    /// <exception cref="JsonException">A file is no JSON object.</exception>
    public static JsonObject Read(string folder)
    {
        if (Json(Path.Combine(folder, FileName)) is { } own) return own;
        return Json(Path.Combine(folder, "config.json")) is { } config ? Of(config) : [];
    }

    /// <summary>Those among a configuration's keys.</summary>
    public static JsonObject Of(JsonObject config)
        => new(s_names.Where(n => config[n] is not null).Select(n => KeyValuePair.Create(n, config[n]?.DeepClone())));

    private static JsonObject? Json(string path) => !File.Exists(path) ? null
        : JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new JsonException($"{path}: not a JSON object");
}
