using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TransformerTorch.Tensors;

/// <summary>
/// A weight (outputs, inputs) in 8 or 4 bits: signed whole numbers, and for every group of inputs of an output one bfloat16 scale that
/// multiplies them. The native operators lay it out for their kernels; without them numbers take 8 bits and are multiplied out at each use.
/// </summary>
/// <param name="Packed">the numbers</param>
/// <param name="Scales">the scales</param>
/// <param name="Bits">8 or 4</param>
/// <param name="Outputs">rows</param>
/// <param name="Inputs">columns</param>
public sealed record QuantizedTensor(Tensor Packed, Tensor Scales, int Bits, long Outputs, long Inputs) : IDisposable
{
    /// <summary>Bytes that numbers and scales take.</summary>
    public long Bytes => (Packed.numel() * Packed.element_size()) + (Scales.numel() * Scales.element_size());

    /// <summary>Itself, no scope's any more.</summary>
    public QuantizedTensor Detached()
    {
        Packed.DetachFromDisposeScope();
        Scales.DetachFromDisposeScope();
        return this;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Packed.Dispose();
        Scales.Dispose();
    }
}

/// <summary>Products with weights of 8 or 4 bits, for inference.</summary>
public static class QuantizedOperators
{
    private static readonly NativeSlot s_quantize = new("quantize_weight"), s_dequantize = new("dequantize_weight"),
        s_linear = new("quantized_linear");

    /// <summary>Rounds a weight (outputs, inputs); the largest number of each group decides its scale.</summary>
    /// <param name="weight">any floating type</param>
    /// <param name="bits">8 or 4</param>
    /// <param name="group">inputs to a scale: 8 to 128, a multiple of 8</param>
    public static QuantizedTensor Quantize(Tensor weight, int bits, int group)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var (O, K) = weight.Dims2();
        var (packed, scales) = s_quantize.Get() is { } native ? native.CallTwo(weight.cpu(), bits, group) : Composed(weight, bits, group);
        return new(packed.to(weight.device).MoveToOuterDisposeScope(), scales.to(weight.device).MoveToOuterDisposeScope(), bits, O, K);
    }

    /// <summary>The weight as it is multiplied with: (outputs, inputs) float32.</summary>
    public static Tensor Dequantize(QuantizedTensor weight)
    {
        using var scope = NewDisposeScope();
        if (s_dequantize.Get() is { } native && weight.Packed.dtype == ScalarType.Int32)
            return native.Call(weight.Packed, weight.Scales, weight.Bits, weight.Outputs, weight.Inputs).MoveToOuterDisposeScope();
        var wide = weight.Packed.to(ScalarType.Float32) * weight.Scales.to(ScalarType.Float32); // (O, groups, group)
        return wide.view(weight.Outputs, -1).narrow(1, 0, weight.Inputs).MoveToOuterDisposeScope();
    }

    /// <summary>x W^T + b, and where one is named a function of it.</summary>
    /// <param name="x">(..., inputs)</param>
    /// <param name="weight">(outputs, inputs)</param>
    /// <param name="bias">(outputs) or none</param>
    /// <param name="activation">one of <see cref="Operators.Activate"/>; null: none</param>
    /// <param name="gated">whether the first half of the features, so shaped, multiplies the second</param>
    /// <returns>(..., outputs), gated (..., outputs / 2)</returns>
    public static Tensor Linear(Tensor x, QuantizedTensor weight, Tensor? bias, string? activation = null, bool gated = false)
    {
        if (s_linear.Get() is { } native && weight.Packed.dtype == ScalarType.Int32)
            return native.Call(x, weight.Packed, weight.Scales, bias, weight.Bits, weight.Outputs, activation ?? "", gated);
        using var scope = NewDisposeScope();
        var y = F.linear(x, Dequantize(weight).to(x.dtype), bias?.to(x.dtype));
        return (activation is null ? y : Operators.Activate(y, activation, gated)).MoveToOuterDisposeScope();
    }

    private static (Tensor, Tensor) Composed(Tensor weight, int bits, int group)
    {
        var (O, K) = weight.Dims2();
        var groups = (K + group - 1) / group;
        var rows = F.pad(weight.to(ScalarType.Float32), (0, (groups * group) - K)).view(O, groups, group);
        var most = (1 << (bits - 1)) - 1;
        var largest = rows.gather(-1, rows.abs().argmax(-1, keepdim: true)); // with its sign: 4 bits reach from -8 to 7
        var scales = (bits == 8 ? largest.abs() / most : largest / -8).to(ScalarType.BFloat16); // (O, groups, 1)
        var unit = scales.to(ScalarType.Float32);
        var numbers = (rows / where(unit.eq(0), ones_like(unit), unit)).round().clamp(-most - 1, most);
        return (numbers.to(ScalarType.Int8), scales);
    }
}
