using TorchSharp;
using TransformerTorch.Data;
using TransformerTorch.Models;
using static TorchSharp.torch;

namespace TransformerTorch.Training.Objectives;

/// <summary>A batch's columns as tensors on a device.</summary>
public sealed class DeviceBatch : IDisposable
{
    private readonly Dictionary<string, Tensor> _columns;

    /// <summary>Copies a batch to a device; to a GPU from pinned memory, without waiting.</summary>
    public DeviceBatch(Batch batch, Device device)
    {
        Host = batch;
        _columns = batch.Columns.ToDictionary(c => c.Key, c => Copy(c.Value, device).DetachFromDisposeScope());
    }

    /// <summary>The batch as the loader gave it.</summary>
    public Batch Host { get; private set; }

    /// <summary>The column of that name.</summary>
    public Tensor this[string name] => _columns[name];

    /// <summary>What the model reads.</summary>
    public ModelInputs Inputs => new()
    {
        Ids = this[Batch.Names.InputIds], Mask = Column(Batch.Names.AttentionMask), Segments = Column(Batch.Names.TokenTypeIds),
        Positions = Column(Batch.Names.PositionIds), Documents = Column(Batch.Names.Documents),
        DecoderIds = Column(Batch.Names.DecoderInputIds), DecoderMask = Column(Batch.Names.DecoderAttentionMask),
        DecoderDocuments = Column(Batch.Names.DecoderDocuments),
    };

    /// <summary>What it is to learn.</summary>
    public ModelLabels Labels => new()
    {
        Labels = Column(Batch.Names.Labels), Shifted = Column(Batch.Names.ShiftLabels),
        NextSentence = Column(Batch.Names.NextSentenceLabel),
        Start = Column(Batch.Names.StartPositions), End = Column(Batch.Names.EndPositions),
    };

    /// <summary>The column of that name, where there is one.</summary>
    public Tensor? Column(string name) => _columns.GetValueOrDefault(name);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var column in _columns.Values) column.Dispose();
    }

    /// <summary>Puts another batch of the same shapes into the same tensors, without waiting.</summary>
    internal void Refill(Batch batch)
    {
        using var scope = NewDisposeScope();
        foreach (var (name, column) in batch.Columns) _columns[name].copy_(OnHost(column, _columns[name].device), true);
        Host = batch;
    }

    private static Tensor Copy(Column column, Device device)
    {
        using var scope = NewDisposeScope();
        return OnHost(column, device).to(device, non_blocking: true).MoveToOuterDisposeScope();
    }

    private static Tensor OnHost(Column column, Device device)
    {
        var host = column.Values is long[] integers ? tensor(integers, column.Shape) : tensor((float[])column.Values, column.Shape);
        return device.type == DeviceType.CUDA ? host.pin_memory() : host;
    }
}
