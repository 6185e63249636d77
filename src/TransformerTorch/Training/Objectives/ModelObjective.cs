using TransformerTorch.Models;
using TransformerTorch.Tensors;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Objectives;

/// <summary>What a model's own head is for: the loss that the published library gives it.</summary>
/// <param name="model">The model.</param>
/// <param name="scoring">Smoothing and z-loss, in training: what is evaluated is the plain cross-entropy.</param>
public sealed class ModelObjective(PretrainedModel model, CrossEntropyOptions? scoring = null) : IObjective
{
    /// <inheritdoc/>
    public nn.Module Model => model;

    /// <inheritdoc/>
    public IReadOnlyList<(string Folder, PretrainedModel Model)> Parts => [("", model)];

    /// <inheritdoc/>
    public bool IsRepeatable => true;

    /// <inheritdoc/>
    public IReadOnlyList<LossTerm> Loss(DeviceBatch batch) => model.Loss(batch.Inputs, batch.Labels with
    {
        Scoring = model.training && scoring is { } given ? given : CrossEntropyOptions.Default,
    });

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Predict(DeviceBatch batch) => model.call(batch.Inputs);
}
