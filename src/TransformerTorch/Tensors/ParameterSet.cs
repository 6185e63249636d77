using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>What one call of an optimizer's operator updates: lists of one length and order, of one device.</summary>
/// <param name="Parameters">contiguous; float32 or bfloat16</param>
/// <param name="Gradients">of their shapes</param>
public sealed record ParameterSet(Tensor[] Parameters, Tensor[] Gradients)
{
    /// <summary>
    /// int16, of the shapes of bfloat16 parameters: the lower halves of the float32 values that are updated (<see cref="MasterWeights"/>);
    /// none: parameters are updated as they are.
    /// </summary>
    public Tensor[] Halves { get; init; } = [];

    /// <summary>A device scalar that multiplies each gradient first (clipping, loss scaling), or none.</summary>
    public Tensor? GradientScale { get; init; }

    /// <summary>One parameter after the other: its index, its values in float32 or wider, to be changed in place, its gradient.</summary>
    internal void Each(Action<int, Tensor, Tensor> update)
    {
        for (var i = 0; i < Parameters.Length; i++)
        {
            using var scope = NewDisposeScope();
            var gradient = Gradients[i].Wide();
            if (GradientScale is not null) gradient = gradient * GradientScale;
            var master = Halves.Length > 0;
            var values = master ? MasterWeights.Join(Parameters[i], Halves[i]) : Parameters[i].Wide();
            update(i, values, gradient);
            if (master) MasterWeights.Split(values, Parameters[i], Halves[i]);
            else if (Parameters[i].dtype != values.dtype) Parameters[i].copy_(values);
        }
    }
}

/// <summary>
/// Float32 values in two parts of 16 bits each: the bfloat16 number nearest to the value (halves away from zero), which the model computes
/// with, and what is to be added to its bits to have the value's. Together they are the value, exactly.
/// </summary>
public static class MasterWeights
{
    private static readonly NativeSlot s_view = new("aten::view", "dtype");

    /// <summary>The float32 values.</summary>
    public static Tensor Join(Tensor upper, Tensor halves)
    {
        using var scope = NewDisposeScope();
        if (upper.device_type == DeviceType.CPU)
        {
            var values = empty(upper.shape, ScalarType.Float32);
            Span<int> bits = As<int>(values);
            Span<short> above = As<short>(upper), below = As<short>(halves);
            for (var i = 0; i < bits.Length; i++) bits[i] = (above[i] << 16) + below[i];
            return values.MoveToOuterDisposeScope();
        }
        var wide = View(upper, ScalarType.Int16).to(ScalarType.Int32).mul(1 << 16);
        return View(wide.add(halves.to(ScalarType.Int32)), ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>Writes float32 values into the two parts.</summary>
    public static void Split(Tensor values, Tensor upper, Tensor halves)
    {
        using var scope = NewDisposeScope();
        if (upper.device_type == DeviceType.CPU)
        {
            Span<int> bits = As<int>(values);
            Span<short> above = As<short>(upper), below = As<short>(halves);
            for (var i = 0; i < bits.Length; i++) (above[i], below[i]) = ((short)((bits[i] + 0x8000) >> 16), (short)bits[i]);
            return;
        }
        var whole = View(values, ScalarType.Int32);
        var rounded = whole.add(0x8000).bitwise_right_shift(tensor(16, device: upper.device));
        View(upper, ScalarType.Int16).copy_(rounded);
        halves.copy_(whole.sub(rounded.mul(1 << 16)));
    }

    private static Span<T> As<T>(Tensor x) where T : unmanaged => MemoryMarshal.Cast<byte, T>(x.bytes);

    private static Tensor View(Tensor x, ScalarType type) => s_view.Get() is { } native ? native.Call(x, (long)type)
        : throw new NotSupportedException($"pure_bf16 on a GPU needs the native library: {NativeBridge.Missing}");
}
