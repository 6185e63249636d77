using TransformerTorch.Tensors;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace TransformerTorch.Layers;

/// <summary>
/// Where layers get their parameters from. Built as usual, a parameter has memory but no values (<see cref="Initialization"/> gives
/// them). Built inside <see cref="Pending"/> it has not even memory, so that a model of any size is there at once; a checkpoint's loader
/// then gives each its memory, once, of the right type and on the right device.
/// </summary>
public static class Weights
{
    [ThreadStatic] private static (ScalarType Type, Device Device)? t_pending;

    /// <summary>A parameter without values: float32 on the CPU; inside <see cref="Pending"/> as that says, and without memory.</summary>
    public static Parameter Empty(params long[] shape)
    {
        var tensor = t_pending is { } pending
            ? empty_strided(shape, new long[shape.Length], pending.Type, pending.Device) // all elements are one
            : empty(shape, ScalarType.Float32);
        var parameter = new Parameter(tensor);
        parameter.DetachFromDisposeScope();
        return parameter;
    }

    /// <summary>Until disposed, parameters made on this thread are of this type and device and have no memory yet.</summary>
    public static IDisposable Pending(ScalarType type, Device device)
    {
        var before = t_pending;
        t_pending = (type, device);
        return new Guard(() => t_pending = before);
    }

    /// <summary>Whether a parameter still has no memory.</summary>
    public static bool IsPending(Tensor parameter) => parameter.numel() > 1 && parameter.stride().All(s => s == 0);

    /// <summary>Bytes of memory that a tensor takes; a pending parameter none.</summary>
    public static long Bytes(Tensor tensor) => IsPending(tensor) ? 0 : tensor.numel() * tensor.element_size();

    /// <summary>Gives a pending parameter its memory, or that of a tensor of its shape, type and device.</summary>
    public static void Materialize(Tensor parameter, Tensor? memory = null)
    {
        using var grad = no_grad();
        using var scope = NewDisposeScope();
        parameter.set_(memory ?? empty(parameter.shape, parameter.dtype, parameter.device));
    }

    /// <summary>Takes a parameter's memory away: it is pending again.</summary>
    public static void Release(Tensor parameter)
    {
        using var grad = no_grad();
        using var scope = NewDisposeScope();
        parameter.requires_grad = false;
        parameter.set_(empty_strided(parameter.shape, new long[parameter.dim()], parameter.dtype, parameter.device).zero_());
    }
}
