using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>The random states of the CPU and, where it is another, of a device.</summary>
/// <param name="States">By the device's name.</param>
public sealed record RandomStates(IReadOnlyDictionary<string, byte[]> States)
{
    /// <summary>The states as they are.</summary>
    /// <exception cref="NotSupportedException">A GPU's state without the native bridge.</exception>
    public static RandomStates Capture(Device device) => new(Devices(device).ToDictionary(d => d.ToString(), RandomState.Capture));

    /// <summary>Puts them back; those of devices that are not the named one are passed over.</summary>
    public void Restore(Device? device = null)
    {
        foreach (var (name, bytes) in States)
            if (device is null || Devices(device).Any(d => d.ToString() == name)) RandomState.Restore(new Device(name), bytes);
    }

    /// <summary>Whether the CPU's state is that of the other.</summary>
    internal bool SameOnHost(RandomStates other) => States[CPU.ToString()].AsSpan().SequenceEqual(other.States[CPU.ToString()]);

    private static IEnumerable<Device> Devices(Device device) => device.type == DeviceType.CPU ? [CPU] : [CPU, device];
}

/// <summary>The state of a device's default random number generator, for checkpoints that resume bit for bit.</summary>
public static partial class RandomState
{
    /// <summary>The state as bytes.</summary>
    /// <exception cref="NotSupportedException">A GPU's state without the native bridge.</exception>
    public static byte[] Capture(Device device)
    {
        using var scope = NewDisposeScope();
        if (device.type == DeviceType.CPU) return get_rng_state().bytes.ToArray();
        return WithGenerator(device, generator =>
        {
            var handle = tt_generator_state(generator);
            if (handle == 0) throw NativeBridge.LastError("generator state");
            return Tensor.UnsafeCreateTensor(handle).bytes.ToArray();
        });
    }

    /// <summary>Puts a captured state back.</summary>
    /// <exception cref="NotSupportedException">A GPU's state without the native bridge.</exception>
    public static void Restore(Device device, byte[] state)
    {
        using var scope = NewDisposeScope();
        var tensor = torch.tensor(state);
        if (device.type == DeviceType.CPU) set_rng_state(tensor);
        else NativeBridge.Check(WithGenerator(device, generator => tt_generator_set_state(generator, tensor.Handle)), "generator state");
    }

    private static T WithGenerator<T>(Device device, Func<nint, T> use)
    {
        if (!NativeBridge.IsAvailable)
            throw new NotSupportedException($"the random state of {device} needs the native bridge: {NativeBridge.Missing}");
        var generator = tt_generator_default((int)device.type, Math.Max(device.index, 0));
        if (generator == 0) throw NativeBridge.LastError("generator");
        try
        {
            return use(generator);
        }
        finally
        {
            tt_generator_free(generator);
        }
    }

    [LibraryImport(NativeBridge.Library)] private static partial nint tt_generator_default(int type, int index);
    [LibraryImport(NativeBridge.Library)] private static partial void tt_generator_free(nint generator);
    [LibraryImport(NativeBridge.Library)] private static partial nint tt_generator_state(nint generator);
    [LibraryImport(NativeBridge.Library)] private static partial int tt_generator_set_state(nint generator, nint state);
}
