using System.Text.Json.Nodes;
using TransformerTorch.Checkpoints;
using TransformerTorch.Checkpoints.Adapters;
using TransformerTorch.Data;
using TransformerTorch.Models;

namespace TransformerTorch.Training;

/// <summary>What tokenizer, objective and data say of a model need not be repeated in its section.</summary>
internal static class ModelKeys
{
    /// <summary>The run's <c>model:</c> section with what follows from the rest.</summary>
    /// <param name="config">The run.</param>
    /// <param name="tokenizer">Decides sizes and ids.</param>
    /// <param name="data">What the data say: the names of classes.</param>
    /// <exception cref="ModelConfigException">The section contradicts them.</exception>
    public static JsonObject Completed(RunConfig config, TrainedTokenizer tokenizer, JsonObject data)
    {
        // Through text, so that its numbers are of no .NET type yet: YAML's 0 may be read as 0.0.
        var keys = (JsonObject)JsonNode.Parse(config.Model.ToJsonString())!;
        var size = tokenizer.Tokenizer.VocabularySize;
        keys.TryAdd("vocab_size", size);
        if (keys["vocab_size"] is JsonValue value && value.TryGetValue<long>(out var given) && given < size)
            throw new ModelConfigException(
                $"model.vocab_size: {given} is less than the tokenizer's {size} tokens. Remove it, and it is taken from the tokenizer.");
        var task = config.Objective.Task;
        keys.TryAdd("architectures", new JsonArray(ModelCatalog.Family($"{keys["model_type"]}").ClassName(task)));
        keys.TryAdd("bos_token_id", tokenizer.Begin ?? tokenizer.EndMark);
        keys.TryAdd("eos_token_id", tokenizer.EndMark);
        if (task != ModelTask.CausalLanguageModel) keys.TryAdd("pad_token_id", tokenizer.Padding);
        // As published: decoders of models that read a mark before the text begin with the end mark, others with padding.
        if (task == ModelTask.SequenceToSequence)
            keys.TryAdd("decoder_start_token_id", tokenizer.Framing.Before(pair: false) > 0 ? tokenizer.EndMark : tokenizer.Padding);
        foreach (var (key, node) in data) keys[key] = JsonNode.Parse(node!.ToJsonString());
        return keys;
    }

    /// <summary>The keys of a model that begins from a published one: it grows where the tokenizer has more tokens.</summary>
    /// <inheritdoc cref="Completed"/>
    /// <exception cref="CheckpointException">The published model cannot be had, or is an adapter.</exception>
    public static JsonObject Begun(RunConfig config, TrainedTokenizer tokenizer, JsonObject data)
    {
        var folder = ModelFolder.Find(config.InitFrom!);
        if (AdapterFolder.IsOne(folder))
            throw new CheckpointException($"init_from: {folder} is an adapter; merge it first: tt convert {folder} MERGED");
        var changes = (JsonObject)JsonNode.Parse(config.Model.ToJsonString())!;
        var size = tokenizer.Tokenizer.VocabularySize;
        if (ModelConfig.Read(Path.Combine(folder, "config.json")).VocabularySize < size) changes.TryAdd("vocab_size", size);
        if (config.Tokenizer?.EosToken is not null) changes.TryAdd("eos_token_id", tokenizer.EndMark);
        foreach (var (key, node) in data) changes[key] = JsonNode.Parse(node!.ToJsonString());
        return PretrainedStart.Keys(folder, changes, config.Objective.Task);
    }
}
