using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>The model of a run, built as its configuration says.</summary>
internal static class RunModel
{
    /// <summary>The model on its device, in the run's precision, with what is frozen and what is recomputed set.</summary>
    /// <param name="config">The run.</param>
    /// <param name="tokenizer">Fills in what the model's section leaves out.</param>
    /// <param name="device">Where it shall be.</param>
    /// <param name="initialize">Whether its weights get first values; else they are to be loaded.</param>
    /// <exception cref="ModelConfigException">The <c>model:</c> section is wrong.</exception>
    public static PretrainedModel Create(RunConfig config, TrainedTokenizer tokenizer, Device device, bool initialize)
    {
        var modelConfig = ModelConfig.FromKeys(Completed(config.Model, tokenizer), "model");
        if (config.Data.SequenceLen > modelConfig.ContextLength)
            throw new ModelConfigException(
                $"data.sequence_len: {config.Data.SequenceLen} is more than the {modelConfig.ContextLength} positions of the model");
        manual_seed(config.Seed);
        var model = new CausalLanguageModel(modelConfig);
        if (initialize) model.InitializeWeights();
        model.to(device);
        if (config.PureBf16) model.to(ScalarType.BFloat16);
        config.ParameterRules.Freeze(model);
        var every = config.GradientCheckpointing ? config.CheckpointEvery : 0;
        foreach (var stack in model.modules().OfType<Stack>()) stack.RecomputeEvery = every;
        if (config.Tf32) Devices.AllowTf32();
        return model;
    }

    // What the tokenizer decides need not be repeated in the model's section.
    private static JsonObject Completed(JsonObject published, TrainedTokenizer tokenizer)
    {
        // Through text, so that its numbers are of no .NET type yet: YAML's 0 may be read as 0.0.
        var keys = (JsonObject)JsonNode.Parse(published.ToJsonString())!;
        var size = tokenizer.Tokenizer.VocabularySize;
        keys.TryAdd("vocab_size", size);
        keys.TryAdd("bos_token_id", tokenizer.EndMark);
        keys.TryAdd("eos_token_id", tokenizer.EndMark);
        if (keys["vocab_size"] is JsonValue value && value.TryGetValue<long>(out var given) && given < size)
            throw new ModelConfigException(
                $"model.vocab_size: {given} is less than the tokenizer's {size} tokens. Remove it, and it is taken from the tokenizer.");
        return keys;
    }
}
