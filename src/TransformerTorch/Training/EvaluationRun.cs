using System.Text.Json.Nodes;
using TorchSharp;
using TransformerTorch.Checkpoints;
using TransformerTorch.Data;
using TransformerTorch.Layers;
using TransformerTorch.Models;
using TransformerTorch.Tensors;
using TransformerTorch.Training.Evaluation;
using TransformerTorch.Training.Objectives;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>A model measured on the held-out data of a run.</summary>
/// <param name="config">The run.</param>
/// <param name="tell">Told what is prepared.</param>
public sealed class EvaluationRun(RunConfig config, Action<TrainingEvent> tell)
{
    /// <summary>Measures it with its weights in few bits too; null: as they are alone.</summary>
    public Quantization? Quantize { get; init; }

    /// <summary>Measures a model: that of the run, or another one in its place. Then, where that is asked for, in few bits.</summary>
    /// <param name="name">A model's or an adapter's folder, or org/name on the hub; null: the run's own.</param>
    /// <param name="stop">Ends the preparation of data.</param>
    /// <exception cref="DataException">The data are missing or malformed, or nothing is held out.</exception>
    /// <exception cref="CheckpointException">The model is missing or damaged.</exception>
    /// <exception cref="ModelConfigException">The model is not one for this objective, or has other classes than the data.</exception>
    public (EvaluationMetrics Whole, EvaluationMetrics? Quantized) Run(string? name = null, CancellationToken stop = default)
    {
        using var scope = NewDisposeScope();
        config = config.Settled();
        var folder = name is null ? Path.Combine(config.OutputDir, "model") : ModelFolder.Find(name);
        if (!Directory.Exists(folder))
            throw new CheckpointException($"{folder}: there is no such model. Train it first, or name one: --model DIR.");
        var device = Devices.Parse(config.Device);
        var preparation = new DataPreparation(config.Data, (what, done, total) => tell(new Preparing(what, done, total)), stop);
        var tokenizer = preparation.Tokenizer(new TokenizerConfig { Path = ModelFolder.TokenizerFolder(folder) });
        var learnt = config.Objective.Prepare(new(config.Data, tokenizer, preparation.Values));
        using var data = preparation.Prepare(learnt.Recipe);
        if (data.Validation is not { } held)
            throw new DataException("data.val_set_size: 0 holds nothing out to evaluate on. Raise it, or name files of their own.");

        var objective = Open(folder, device);
        var model = objective.Parts[0].Model;
        Check(model, learnt.ModelKeys);
        var evaluator = new Evaluator(objective, held.Lay(learnt.Recipe, config.PerDeviceEvalBatchSize).Required(held.Tokens))
        {
            Precision = config.Precision, Device = device, Scorer = () => Scorer.For(model, tokenizer.Tokenizer, config.Writing),
        };
        var whole = evaluator.Run(step: 0);
        if (Quantize is not { } bits) return (whole, null);
        model.Quantize(bits);
        return (whole, evaluator.Run(step: 0));
    }

    private IObjective Open(string folder, Device device)
    {
        var model = ModelFolder.Load(folder, device);
        var objective = config.Objective.Build((JsonObject)model.Config.Published.DeepClone());
        if (objective.Parts.Count == 1)
        {
            var (wanted, found) = (objective.Parts[0].Model.GetType(), model.GetType());
            return wanted == found ? new ModelObjective(model)
                : throw new ModelConfigException($"{folder} holds a {found.Name}, the objective is for a {wanted.Name}");
        }
        objective.Load(folder); // with the models that help
        objective.Model.to(device);
        return objective;
    }

    private static void Check(PretrainedModel model, JsonObject keys)
    {
        if (keys["id2label"] is not JsonObject labels) return;
        var wanted = labels.Select(l => $"{l.Value}").ToList();
        if (!wanted.SequenceEqual(model.Config.Labels))
            throw new ModelConfigException($"the data's classes are {string.Join(", ", wanted)}, the model's " +
                $"{string.Join(", ", model.Config.Labels)}: set objective.labels");
    }
}
