using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Checkpoints;
using TransformerTorch.Checkpoints.Adapters;
using TransformerTorch.Data;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>A run's model and its objective: drawn, or begun from a published one, with an adapter where that alone is trained.</summary>
internal sealed class RunModel
{
    private readonly LoraAdapter? _adapter;
    private readonly string? _origin;

    private RunModel(IObjective objective, LoraAdapter? adapter = null, string? origin = null)
        => (Objective, _adapter, _origin) = (objective, adapter, origin);

    /// <summary>What is learnt, by which model.</summary>
    public IObjective Objective { get; }

    /// <summary>
    /// The objective with its model on its device, with its first weights, in the run's precision, with what is frozen and what is
    /// recomputed set.
    /// </summary>
    /// <param name="config">The run.</param>
    /// <param name="tokenizer">Decides sizes and ids.</param>
    /// <param name="data">What the data say of the model, as published keys.</param>
    /// <param name="tell">Told what became of published weights.</param>
    /// <exception cref="ModelConfigException">The <c>model:</c> section is wrong.</exception>
    /// <exception cref="CheckpointException">The published weights cannot be had or do not fit.</exception>
    public static RunModel Create(RunConfig config, TrainedTokenizer tokenizer, JsonObject data, Action<string> tell)
    {
        manual_seed(config.Seed);
        var created = config.InitFrom is { } name ? Begun(config, ModelKeys.Begun(config, tokenizer, data), name, tell)
            : Drawn(config, ModelKeys.Completed(config, tokenizer, data));
        var model = created.Objective.Model;
        model.to(Devices.Parse(config.Device));
        if (config.PureBf16) model.to(ScalarType.BFloat16);
        config.ParameterRules.Freeze(model);
        var every = config.GradientCheckpointing ? config.CheckpointEvery : 0;
        if (every > 0 && !NativeBridge.IsAvailable)
            tell("gradient_checkpointing needs the native library: without it, all is kept and no memory saved.");
        foreach (var stack in model.modules().OfType<Stack>()) stack.RecomputeEvery = every;
        if (config.Tf32) Devices.AllowTf32();
        return created;
    }

    /// <summary>Writes the models, or the adapter, into a folder.</summary>
    public void Save(string folder)
    {
        if (_adapter is null)
        {
            Objective.Save(folder);
            return;
        }
        ModelFolder.SaveConfiguration(Objective.Parts[0].Model, folder);
        _adapter.Save(folder, _origin);
    }

    /// <summary>Loads what <see cref="Save"/> wrote.</summary>
    public void Load(string folder)
    {
        if (_adapter is null) Objective.Load(folder);
        else _adapter.LoadWeights(folder);
    }

    private static RunModel Drawn(RunConfig config, JsonObject keys)
    {
        var objective = Built(config, keys);
        objective.Initialize();
        return new(objective);
    }

    private static RunModel Begun(RunConfig config, JsonObject keys, string name, Action<string> tell)
    {
        var folder = ModelFolder.Find(name);
        var objective = Built(config, keys);
        foreach (var (_, helper) in objective.Parts.Skip(1)) helper.InitializeWeights();
        var model = objective.Parts[0].Model;
        var report = PretrainedStart.Fill(model, folder);
        tell(Said(name, report));
        if (config.Lora is not { } lora) return new(objective);
        var adapter = LoraAdapter.Add(model, lora.Options(report.New.Select(n => n[..n.LastIndexOf('.')])));
        if (lora.ModulesToSave.FirstOrDefault(n => !HasPart(n)) is { } unknown)
            throw new ModelConfigException($"lora.modules_to_save: the model has no module '{unknown}'");
        if (report.AddedTokens > 0 && !model.Backbone.TokenWeight.requires_grad)
            throw new ModelConfigException(
                $"lora.modules_to_save: {report.AddedTokens} tokens are new, and their rows would never be trained: add the " +
                "token table and the head (embed_tokens, lm_head; wte for GPT-2)");
        return new(objective, adapter, Directory.Exists(name) ? Path.GetFullPath(name) : name);

        // A head that is the token table has no weight of its own.
        bool HasPart(string part)
            => adapter.Wholes.Any(w => LoraOptions.IsPart(w, part)) || model.Names.IsIgnored($"{part}.weight");
    }

    private static IObjective Built(RunConfig config, JsonObject keys)
    {
        var objective = config.Objective.Build(keys);
        var context = objective.Parts[0].Model.Config.ContextLength;
        return config.Data.Length <= context ? objective : throw new ModelConfigException(
            $"data.sequence_len: {config.Data.Length} is more than the {context} positions of the model");
    }

    private static string Said(string name, StartReport report)
    {
        var said = new List<string> { $"Begun from {name}" };
        if (report.New.Count > 0) said.Add($"new and drawn: {string.Join(", ", report.New)}");
        if (report.Unused.Count > 0) said.Add($"left behind: {string.Join(", ", report.Unused)}");
        if (report.AddedTokens > 0) said.Add($"{report.AddedTokens} new tokens begin as the mean of the others");
        return string.Join("; ", said) + ".";
    }
}
