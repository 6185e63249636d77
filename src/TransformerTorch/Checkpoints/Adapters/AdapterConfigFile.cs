using System.Text.Json;
using System.Text.Json.Nodes;
using TransformerTorch.Models;

namespace TransformerTorch.Checkpoints.Adapters;

/// <summary><c>adapter_config.json</c>, as PEFT writes and reads it.</summary>
/// <param name="Options">what the adapter updates</param>
/// <param name="Base">the model it was made on: a folder, or org/name on the hub; null: not said</param>
/// <param name="TaskType">what PEFT calls the model's task; null: none of those it has a name for</param>
public sealed record AdapterConfigFile(LoraOptions Options, string? Base, string? TaskType)
{
    /// <summary>Its name in an adapter's folder.</summary>
    public const string FileName = "adapter_config.json";

    private static readonly Dictionary<string, ModelTask> s_tasks = new()
    {
        ["CAUSAL_LM"] = ModelTask.CausalLanguageModel, ["SEQ_2_SEQ_LM"] = ModelTask.SequenceToSequence,
        ["SEQ_CLS"] = ModelTask.SequenceClassification, ["TOKEN_CLS"] = ModelTask.TokenClassification,
        ["QUESTION_ANS"] = ModelTask.QuestionAnswering, ["FEATURE_EXTRACTION"] = ModelTask.Bare,
    };

    // What would change the numbers and is not built; each with the values that ask for nothing.
    private static readonly string[] s_unknown =
    [
        "use_dora", "lora_bias", "layer_replication", "megatron_config", "trainable_token_indices", "target_parameters", "use_qalora",
        "alora_invocation_tokens", "use_bdlora", "arrow_config", "layers_pattern", "monteclora_config", "velora_config",
    ];

    /// <summary>What PEFT calls a task; null: it has no name for it.</summary>
    public static string? NameOf(ModelTask task) => s_tasks.Where(t => t.Value == task).Select(t => t.Key).FirstOrDefault();

    /// <summary>The task it was made for; null: not said.</summary>
    public ModelTask? Task => TaskType is { } type && s_tasks.TryGetValue(type, out var task) ? task : null;

    /// <summary>Reads an adapter's folder.</summary>
    /// <exception cref="CheckpointException">It is missing or damaged, or asks for what is not built.</exception>
    public static AdapterConfigFile Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            var json = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new CheckpointException($"{path}: not a JSON object");
            if ((string?)json["peft_type"] is not "LORA") throw Unbuilt("peft_type", json["peft_type"]);
            if ((string?)json["bias"] is not (null or "none")) throw Unbuilt("bias", json["bias"]);
            foreach (var key in s_unknown.Where(key => Asks(json[key]))) throw Unbuilt(key, json[key]);
            return new(Read(json), (string?)json["base_model_name_or_path"], (string?)json["task_type"]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or FileNotFoundException)
        {
            throw new CheckpointException($"{path}: {e.Message}", e);
        }

        CheckpointException Unbuilt(string key, JsonNode? value)
            => new($"{path}: {key}: {value?.ToJsonString() ?? "null"} is not built; LoRA as published is, with bias: none");
        static bool Asks(JsonNode? value)
            => value is not (null or JsonArray { Count: 0 } or JsonObject { Count: 0 }) && value.ToJsonString() is not ("false" or "\"\"");
    }

    /// <summary>Writes it.</summary>
    /// <param name="folder">the adapter's folder</param>
    /// <param name="transposed">whether the model's matrices are published as (in, out)</param>
    /// <param name="targets">the modules updated, in place of patterns for them</param>
    public void Write(string folder, bool transposed, IEnumerable<string> targets)
    {
        var json = new JsonObject
        {
            ["alpha_pattern"] = JsonSerializer.SerializeToNode(Options.AlphaPattern), ["auto_mapping"] = null,
            ["base_model_name_or_path"] = Base, ["bias"] = "none", ["fan_in_fan_out"] = transposed, ["inference_mode"] = true,
            ["init_lora_weights"] = true, ["layers_to_transform"] = null, ["lora_alpha"] = Options.Alpha,
            ["lora_dropout"] = Options.Dropout, ["modules_to_save"] = Options.ModulesToSave.Count == 0 ? null : List(Options.ModulesToSave),
            ["peft_type"] = "LORA", ["r"] = Options.Rank, ["rank_pattern"] = JsonSerializer.SerializeToNode(Options.RankPattern),
            ["target_modules"] = List(targets), ["task_type"] = TaskType, ["use_dora"] = false, ["use_rslora"] = Options.RankStabilized,
        };
        AtomicFile.WriteText(Path.Combine(folder, FileName), json.ToJsonString(ModelFolder.Indented) + "\n");

        static JsonArray List(IEnumerable<string> names) => new([.. names.Select(n => (JsonNode)n)]);
    }

    private static LoraOptions Read(JsonObject json) => new()
    {
        Rank = (int?)json["r"] ?? 8, Alpha = (double?)json["lora_alpha"] ?? 8, Dropout = (double?)json["lora_dropout"] ?? 0,
        RankStabilized = (bool?)json["use_rslora"] ?? false,
        Targets = json["target_modules"] is JsonArray ? Names(json["target_modules"]) : [LoraOptions.AllLinear],
        TargetPattern = json["target_modules"] is JsonValue value && (string)value! is not LoraOptions.AllLinear ? (string)value! : null,
        Excluded = Names(json["exclude_modules"]), ModulesToSave = Names(json["modules_to_save"]),
        Layers = json["layers_to_transform"] switch
        {
            null => null, JsonArray list => [.. list.Select(n => (int)n!)], var one => [(int)one],
        },
        RankPattern = json["rank_pattern"]?.Deserialize<Dictionary<string, int>>() ?? [],
        AlphaPattern = json["alpha_pattern"]?.Deserialize<Dictionary<string, double>>() ?? [],
    };

    private static List<string> Names(JsonNode? list) => list is JsonArray names ? [.. names.Select(n => (string)n!)] : [];
}
