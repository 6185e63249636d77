using TorchSharp.Native;

namespace TorchSharp;

/// <summary>How a quotient is rounded.</summary>
public enum RoundingMode
{
    None, trunc, floor,
}

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The dimensions in reverse order.</summary>
        public Tensor T => permute(Enumerable.Range(0, (int)ndim).Reverse().Select(i => (long)i));

        public Tensor mT => s_mT.Call(this);

        public Tensor to_dense() => s_to_dense.Call(this);

        private Tensor Like(Op op, ScalarType? dtype, Device? device, bool requiresGrad) =>
            Marked(op.Call(this, dtype, Arg.None, device), requiresGrad);

        private static Arg Name(RoundingMode mode) => mode switch {
            RoundingMode.trunc => "trunc"u8,
            RoundingMode.floor => "floor"u8,
            _ => Arg.None,
        };

        internal static Arg Name(Modules.GELU.Approximate approximate) =>
            approximate == Modules.GELU.Approximate.tanh ? "tanh"u8 : "none"u8;

        private static readonly Op s_mT = new("mT");
        private static readonly Op s_to_dense = new("to_dense");
    }

    public static Tensor zeros_like(
        Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        Unnamed(names);
        return input.zeros_like(dtype, device, requires_grad);
    }

    public static Tensor ones_like(
        Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        Unnamed(names);
        return input.ones_like(dtype, device, requires_grad);
    }

    public static Tensor empty_like(
        Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        Unnamed(names);
        return input.empty_like(dtype, device, requires_grad);
    }

    public static Tensor full_like(
        Tensor input, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        Unnamed(names);
        return input.full_like(value, dtype, device, requires_grad);
    }
}
