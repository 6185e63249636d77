using TransformerTorch.Checkpoints;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Objectives;

/// <summary>What is learnt, by which model: how a batch becomes a loss.</summary>
public interface IObjective
{
    /// <summary>What is trained and checkpointed.</summary>
    nn.Module Model { get; }

    /// <summary>The models that are saved and loaded, each in its folder: first what is wanted, with an empty name, then helpers.</summary>
    IReadOnlyList<(string Folder, PretrainedModel Model)> Parts { get; }

    /// <summary>
    /// The parts of a batch's loss, float32 sums. Their counts are known on the host before (<c>Batch.TargetsOf(term.Name)</c>), so that
    /// a step of several batches divides by its own (<see cref="ObjectiveExtensions.StepLoss"/>).
    /// </summary>
    IReadOnlyList<LossTerm> Loss(DeviceBatch batch);

    /// <summary>
    /// Whether the loss comes of a batch's columns alone, by the device's own work: then a step can be recorded and replayed on others.
    /// </summary>
    bool IsRepeatable => false;

    /// <summary>What the model says of a batch, by published name (<c>logits</c>, <c>start_logits</c>, ...).</summary>
    IReadOnlyDictionary<string, Tensor> Predict(DeviceBatch batch);
}

/// <summary>What follows from an objective's parts.</summary>
public static class ObjectiveExtensions
{
    /// <summary>Gives all weights their first values.</summary>
    public static void Initialize(this IObjective objective)
    {
        foreach (var (_, model) in objective.Parts) model.InitializeWeights();
    }

    /// <summary>Writes the models in their published layout.</summary>
    public static void Save(this IObjective objective, string folder)
    {
        foreach (var (name, model) in objective.Parts)
        {
            foreach (var table in model.modules().OfType<Layers.Embedding>()) table.Materialize();
            ModelFolder.Save(model, Directory.CreateDirectory(Path.Combine(folder, name)).FullName);
        }
    }

    /// <summary>Reads them back.</summary>
    /// <exception cref="CheckpointException">The folder holds other models.</exception>
    public static void Load(this IObjective objective, string folder)
    {
        foreach (var (name, model) in objective.Parts)
        {
            var path = Path.Combine(folder, name);
            using var source = WeightSource.Open(path);
            WeightLoader.Load(model, model.Names, source, path);
        }
    }

    /// <summary>
    /// A batch's share in the loss of its step, a float32 scalar: each term divided by its targets in the whole step, so that batches weigh
    /// by their targets (a mean of means would not). The shares of a step's batches add up to its loss.
    /// </summary>
    /// <param name="objective">The objective.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="stepTargets">
    /// The targets of the step's batches together, by term: the sum of their <c>TargetsOf(term)</c> and at least 1, a scalar on the device.
    /// </param>
    public static Tensor StepLoss(this IObjective objective, DeviceBatch batch, Func<string, Tensor> stepTargets)
    {
        using var scope = NewDisposeScope();
        var shares = objective.Loss(batch).Select(term => Weighted(term.Sum / stepTargets(term.Name), term.Weight));
        return shares.Aggregate((a, b) => a + b).MoveToOuterDisposeScope();

        static Tensor Weighted(Tensor mean, double weight) => weight == 1 ? mean : mean * weight;
    }
}
