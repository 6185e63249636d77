using System.Collections.Concurrent;
using static TorchSharp.torch;

namespace TransformerTorch.Layers;

/// <summary>
/// A tensor of fixed values, made once on each device: copied there at each use, it would have a GPU waited for, and no work with it could
/// be recorded.
/// </summary>
/// <param name="make">makes it on a device</param>
internal sealed class DeviceConstant(Func<Device, Tensor> make)
{
    private readonly ConcurrentDictionary<string, Tensor> _held = new();

    /// <summary>The one on a device; nobody disposes it.</summary>
    public Tensor On(Device device) => _held.GetOrAdd(device.ToString(), _ =>
    {
        using var normal = inference_mode(false);   // also what is first used in inference may be trained with later
        return make(device).DetachFromDisposeScope();
    });
}
