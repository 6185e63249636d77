using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>The optimizer's operators: one native call for a whole parameter group, else a loop over its tensors.</summary>
public static class OptimizerOperators
{
    private static readonly NativeSlot s_adamW = new("adamw_"), s_gradNorm = new("grad_norm");

    /// <summary>
    /// One step of AdamW (Loshchilov and Hutter, 2017; PyTorch's arithmetic: decay first, then the bias-corrected step), in place. All
    /// lists
    /// are of one length and order.
    /// </summary>
    /// <param name="group">parameters, gradients and both moments</param>
    /// <param name="options">rate, betas, epsilon, decay</param>
    /// <param name="step">1 at the first step</param>
    /// <param name="gradientScale">a device scalar that multiplies each gradient first (clipping), or none</param>
    public static void AdamW(AdamWGroup group, AdamWOptions options, int step, Tensor? gradientScale = null)
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        var (parameters, gradients, means, squares) = group;
        var o = options;
        if (s_adamW.Get() is { } native)
        {
            native.Run(parameters, gradients, means, squares, gradientScale, o.LearningRate, o.Beta1, o.Beta2, o.Epsilon, o.WeightDecay,
                (long)step);
            return;
        }
        var (correction1, correction2) = (1 - Math.Pow(o.Beta1, step), 1 - Math.Pow(o.Beta2, step));
        for (var i = 0; i < parameters.Length; i++)
        {
            using var each = NewDisposeScope();
            var g = gradientScale is null ? gradients[i] : gradients[i] * gradientScale;
            parameters[i].mul_(1 - (o.LearningRate * o.WeightDecay));
            means[i].mul_(o.Beta1).add_(g, alpha: 1 - o.Beta1);
            squares[i].mul_(o.Beta2).addcmul_(g, g, 1 - o.Beta2);
            var denominator = squares[i].sqrt().div_(Math.Sqrt(correction2)).add_(o.Epsilon);
            parameters[i].addcdiv_(means[i], denominator, -o.LearningRate / correction1);
        }
    }

    /// <summary>The 2-norm of all gradients together: a float32 scalar on their device, not synchronised.</summary>
    public static Tensor GradNorm(Tensor[] gradients)
    {
        using var _ = no_grad();
        if (gradients.Length == 0) return zeros([], ScalarType.Float32);
        if (s_gradNorm.Get() is { } native) return native.Call(gradients);
        using var scope = NewDisposeScope();
        var squares = Array.ConvertAll(gradients, g => g.to(ScalarType.Float32).square().sum());
        return stack(squares).sum().sqrt().MoveToOuterDisposeScope();
    }
}

/// <summary>A parameter group: lists of one length and order, of one device.</summary>
public readonly record struct AdamWGroup(Tensor[] Parameters, Tensor[] Gradients, Tensor[] Means, Tensor[] Squares);

/// <summary>AdamW's settings.</summary>
public sealed record AdamWOptions
{
    /// <summary>The rate of this step.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Decay of the mean of gradients.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the mean of squared gradients.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the denominator.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay.</summary>
    public double WeightDecay { get; init; } = 0.01;
}
