using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Training;

/// <summary>What one forward pass takes: tensors on the device, and how many targets they hold.</summary>
/// <param name="Inputs">(B, T) int64</param>
/// <param name="Targets">(B, T) int64</param>
/// <param name="TargetCount">Targets that count towards the loss.</param>
public sealed record MicroBatch(Tensor Inputs, Tensor Targets, long TargetCount) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Inputs.Dispose();
        Targets.Dispose();
    }
}

/// <summary>What a model is trained to do: how windows of tokens become a batch, and a batch a loss.</summary>
public interface IObjective
{
    /// <summary>The model that is trained.</summary>
    nn.Module Model { get; }

    /// <summary>A batch of windows on the device.</summary>
    /// <param name="windows">Rows of <paramref name="width"/> ids, one after another.</param>
    /// <param name="width">Ids of a row.</param>
    /// <param name="device">Where the batch shall be.</param>
    MicroBatch Collate(long[] windows, int width, Device device);

    /// <summary>The sum of the losses of all targets, a float32 scalar.</summary>
    Tensor LossSum(MicroBatch batch);
}

/// <summary>Next-token prediction: each position predicts the token after it. Windows hold one token more than the model sees.</summary>
public sealed class CausalLanguageModeling(CausalLanguageModel model) : IObjective
{
    /// <inheritdoc/>
    public nn.Module Model => model;

    /// <inheritdoc/>
    public MicroBatch Collate(long[] windows, int width, Device device)
    {
        using var scope = NewDisposeScope();
        var all = tensor(windows, [windows.Length / width, width]).to(device);     // (B, T + 1)
        var (inputs, targets) = (all.narrow(1, 0, width - 1).contiguous(), all.narrow(1, 1, width - 1).contiguous());   // (B, T)
        return new(inputs.MoveToOuterDisposeScope(), targets.MoveToOuterDisposeScope(), targets.numel());
    }

    /// <inheritdoc/>
    public Tensor LossSum(MicroBatch batch)
    {
        using var scope = NewDisposeScope();
        return model.TargetLossSum(model.Hidden(batch.Inputs), batch.Targets).MoveToOuterDisposeScope();
    }
}
