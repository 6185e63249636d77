using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Models;

namespace TransformerTorch.Generation;

/// <content>Reading published keys.</content>
public sealed partial record GenerationOptions
{
    private static readonly Dictionary<string, Func<GenerationOptions, JsonNode, GenerationOptions>> s_keys = new()
    {
        ["max_new_tokens"] = (o, v) => o with { MaxNewTokens = Whole(v) },
        ["max_length"] = (o, v) => o with { MaxLength = Whole(v) },
        ["min_new_tokens"] = (o, v) => o with { MinNewTokens = Whole(v) },
        ["min_length"] = (o, v) => o with { MinLength = Whole(v) },
        ["do_sample"] = (o, v) => v.GetValue<bool>() ? o : o with { Temperature = 0 },
        ["temperature"] = (o, v) => o with { Temperature = Number(v) },
        ["top_k"] = (o, v) => o with { TopK = Whole(v) },
        ["top_p"] = (o, v) => o with { TopP = Number(v) },
        ["min_p"] = (o, v) => o with { MinP = Number(v) },
        ["typical_p"] = (o, v) => o with { TypicalP = Number(v) },
        ["repetition_penalty"] = (o, v) => o with { RepetitionPenalty = Number(v) },
        ["encoder_repetition_penalty"] = (o, v) => o with { EncoderRepetitionPenalty = Number(v) },
        ["no_repeat_ngram_size"] = (o, v) => o with { NoRepeatNgramSize = Whole(v) },
        ["encoder_no_repeat_ngram_size"] = (o, v) => o with { EncoderNoRepeatNgramSize = Whole(v) },
        ["bad_words_ids"] = (o, v) => o with { BadWords = [.. v.AsArray().Select(w => Ids(w!))] },
        ["sequence_bias"] = (o, v) => o with { SequenceBias = [.. v.AsArray().Select(b => (Ids(b![0]!), Number(b[1]!)))] },
        ["suppress_tokens"] = (o, v) => o with { SuppressTokens = Ids(v) },
        ["begin_suppress_tokens"] = (o, v) => o with { BeginSuppressTokens = Ids(v) },
        ["forced_bos_token_id"] = (o, v) => o with { ForcedBeginToken = Whole(v) },
        ["forced_eos_token_id"] = (o, v) => o with { ForcedEndTokens = Ids(v) },
        ["exponential_decay_length_penalty"] = (o, v) => o with { EndDecay = (Whole(v[0]!), Number(v[1]!)) },
        ["remove_invalid_values"] = (o, v) => o with { RemoveInvalid = v.GetValue<bool>() },
        ["renormalize_logits"] = (o, v) => o with { Renormalize = v.GetValue<bool>() },
        ["eos_token_id"] = (o, v) => o with { EndTokens = Ids(v) },
        ["decoder_start_token_id"] = (o, v) => o with { DecoderStartToken = Whole(v) },
        ["num_beams"] = (o, v) => o with { Beams = Whole(v) },
        ["length_penalty"] = (o, v) => o with { LengthPenalty = Number(v) },
        ["num_return_sequences"] = (o, v) => o with { Returned = Whole(v) },
        ["early_stopping"] = (o, v) => o with
        {
            EarlyStopping = v.GetValueKind() == JsonValueKind.String ? EarlyStopping.Impossible
                : v.GetValue<bool>() ? EarlyStopping.Full : EarlyStopping.Unlikely,
        },
    };

    /// <summary>Keys that change nothing of what is generated.</summary>
    private static readonly HashSet<string> s_idle = ["pad_token_id", "bos_token_id", "use_cache"];

    /// <summary>
    /// Reads a model folder's <c>generation_config.json</c>, or such keys of its <c>config.json</c>; the defaults where there are none.
    /// Unknown keys are not ours.
    /// </summary>
    /// <param name="folder">the model's folder</param>
    /// <param name="beams">whether its beams are read; else one text is generated for a prompt, without any</param>
    /// <exception cref="ArgumentException">The file is damaged or its values contradict each other.</exception>
    public static GenerationOptions Read(string folder, bool beams = true) => Read(folder, beams, []);

    /// <summary>Reads them, with a task's keys over them.</summary>
    internal static GenerationOptions Read(string folder, bool beams, JsonObject task)
    {
        var path = Path.Combine(folder, GenerationKeys.FileName);
        try
        {
            var keys = GenerationKeys.Read(folder);
            foreach (var (key, value) in task) keys[key] = value?.DeepClone();
            if (keys.Count == 0) return new GenerationOptions();
            if (!beams) (keys["num_beams"], keys["num_return_sequences"]) = (1, 1);
            return FromJson(keys).Validated();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException)
        {
            throw new ArgumentException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Reads the published keys. Without <c>do_sample</c> nothing is drawn, nor among beams, as the reference would: what only draws need
    /// is passed over.
    /// </summary>
    public static GenerationOptions FromJson(JsonObject keys)
    {
        var draws = keys["do_sample"]?.GetValue<bool>() ?? false;
        var options = new GenerationOptions { TopK = draws ? 50 : 0 };
        foreach (var (key, value) in keys)
            if (value is not null && s_keys.TryGetValue(key, out var read)) options = read(options, value);
        return draws && options.Beams == 1 ? options : options.WithBeams(options.Beams);
    }

    /// <summary>Keys that we do not know and that may well change what is generated.</summary>
    public static IEnumerable<string> Unknown(JsonObject keys)
        => keys.Where(k => k.Value is not null && !s_keys.ContainsKey(k.Key) && !s_idle.Contains(k.Key)).Select(k => k.Key);

    private static int Whole(JsonNode value) => value.GetValue<int>();

    private static double Number(JsonNode value) => value.GetValue<double>();

    private static IReadOnlyList<int> Ids(JsonNode value)
        => value is JsonArray several ? [.. several.Select(n => n!.GetValue<int>())] : [value.GetValue<int>()];
}
