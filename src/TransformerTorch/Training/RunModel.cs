using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>The model of a run, built as its configuration says.</summary>
internal static class RunModel
{
    /// <summary>The objective with its model on its device, in the run's precision, with what is frozen and what is recomputed set.</summary>
    /// <param name="config">The run.</param>
    /// <param name="keys">The completed keys of the model.</param>
    /// <param name="device">Where it shall be.</param>
    /// <param name="initialize">Whether its weights get first values; else they are to be loaded.</param>
    /// <exception cref="ModelConfigException">The <c>model:</c> section is wrong.</exception>
    public static IObjective Create(RunConfig config, JsonObject keys, Device device, bool initialize)
    {
        manual_seed(config.Seed);
        var objective = config.Objective.Build(keys);
        var context = objective.Parts[0].Model.Config.ContextLength;
        if (config.Data.SequenceLen > context)
            throw new ModelConfigException($"data.sequence_len: {config.Data.SequenceLen} is more than the {context} positions of the model");
        if (initialize) objective.Initialize();
        var model = objective.Model;
        model.to(device);
        if (config.PureBf16) model.to(ScalarType.BFloat16);
        config.ParameterRules.Freeze(model);
        var every = config.GradientCheckpointing ? config.CheckpointEvery : 0;
        foreach (var stack in model.modules().OfType<Stack>()) stack.RecomputeEvery = every;
        if (config.Tf32) Devices.AllowTf32();
        return objective;
    }
}
