using static TorchSharp.torch;

namespace TransformerTorch.Tensors;

/// <summary>The optimizers' operators: one native call for a whole parameter group, else a loop over its tensors.</summary>
public static class OptimizerOperators
{
    private static readonly NativeSlot s_adamW = new("adamw_"), s_lion = new("lion_"), s_sgd = new("sgd_"), s_adafactor = new("adafactor_"),
        s_gradNorm = new("grad_norm");

    /// <summary>
    /// One step of AdamW (Loshchilov and Hutter, 2017; PyTorch's arithmetic: decay first, then the bias-corrected step), in place.
    /// </summary>
    /// <param name="set">what is updated</param>
    /// <param name="means">running means of gradients, float32, as the parameters are shaped</param>
    /// <param name="squares">running means of their squares</param>
    /// <param name="options">rate, betas, epsilon, decay</param>
    /// <param name="step">1 at the first step</param>
    public static void AdamW(ParameterSet set, Tensor[] means, Tensor[] squares, AdamWOptions options, int step)
    {
        using var _ = no_grad();
        var o = options;
        if (Native(s_adamW, set) is { } native)
        {
            native.Run(set.Parameters, set.Gradients, means, squares, set.Halves, set.GradientScale, o.LearningRate, o.Beta1, o.Beta2,
                o.Epsilon, o.WeightDecay, (long)step);
            return;
        }
        var (correction1, correction2) = (1 - Math.Pow(o.Beta1, step), 1 - Math.Pow(o.Beta2, step));
        set.Each((i, values, g) =>
        {
            values.mul_(1 - (o.LearningRate * o.WeightDecay));
            means[i].mul_(o.Beta1).add_(g, alpha: 1 - o.Beta1);
            squares[i].mul_(o.Beta2).addcmul_(g, g, 1 - o.Beta2);
            var denominator = squares[i].sqrt().div_(Math.Sqrt(correction2)).add_(o.Epsilon);
            values.addcdiv_(means[i], denominator, -o.LearningRate / correction1);
        });
    }

    /// <summary>One step of Lion (Chen et al., 2023): the sign of an interpolated momentum, decoupled decay; in place.</summary>
    /// <param name="set">what is updated</param>
    /// <param name="means">momenta, float32, as the parameters are shaped</param>
    /// <param name="options">rate, betas, decay</param>
    public static void Lion(ParameterSet set, Tensor[] means, LionOptions options)
    {
        using var _ = no_grad();
        var o = options;
        if (Native(s_lion, set) is { } native)
        {
            native.Run(set.Parameters, set.Gradients, means, set.Halves, set.GradientScale, o.LearningRate, o.Beta1, o.Beta2,
                o.WeightDecay);
            return;
        }
        set.Each((i, values, g) =>
        {
            values.mul_(1 - (o.LearningRate * o.WeightDecay));
            values.add_(means[i].mul(o.Beta1).add_(g, alpha: 1 - o.Beta1).sign(), alpha: -o.LearningRate);
            means[i].mul_(o.Beta2).add_(g, alpha: 1 - o.Beta2);
        });
    }

    /// <summary>One step of stochastic gradient descent with PyTorch's arithmetic (decay added to the gradient), in place.</summary>
    /// <param name="set">what is updated</param>
    /// <param name="momenta">float32, as the parameters are shaped; not used without momentum</param>
    /// <param name="options">rate, momentum, decay</param>
    /// <param name="step">1 at the first step, whose gradients fill the momenta</param>
    public static void Sgd(ParameterSet set, Tensor[] momenta, SgdOptions options, int step)
    {
        using var _ = no_grad();
        var o = options;
        if (Native(s_sgd, set) is { } native)
        {
            native.Run(set.Parameters, set.Gradients, momenta, set.Halves, set.GradientScale, o.LearningRate, o.Momentum, o.Dampening,
                o.WeightDecay, o.Nesterov, step == 1);
            return;
        }
        set.Each((i, values, g) =>
        {
            var change = g.add(values, alpha: o.WeightDecay);
            if (o.Momentum != 0)
            {
                momenta[i].mul_(o.Momentum).add_(change, alpha: step == 1 ? 1 : 1 - o.Dampening);
                change = o.Nesterov ? change.add(momenta[i], alpha: o.Momentum) : momenta[i];
            }
            values.add_(change, alpha: -o.LearningRate);
        });
    }

    /// <summary>
    /// One step of Adafactor (Shazeer and Stern, 2018; Transformers' arithmetic), in place: of a matrix only the row and column means of
    /// its squared gradients are kept.
    /// </summary>
    /// <param name="set">what is updated</param>
    /// <param name="rows">float32; of a matrix (.., R, C) its (.., R) row means, of a vector all its squares</param>
    /// <param name="columns">float32; of a matrix its (.., C) column means, of a vector nothing: an empty tensor</param>
    /// <param name="options">rate, decay, clipping</param>
    /// <param name="step">1 at the first step</param>
    public static void Adafactor(ParameterSet set, Tensor[] rows, Tensor[] columns, AdafactorOptions options, int step)
    {
        using var _ = no_grad();
        var o = options;
        var (rate, beta) = (o.RelativeRate(step), 1 - Math.Pow(step, o.DecayRate));
        if (OnCpu(set) && s_adafactor.Get() is { } native)
        {
            native.Run(set.Parameters, set.Gradients, rows, columns, set.Halves, set.GradientScale, rate, beta, o.Epsilon1, o.Epsilon2,
                o.ClipThreshold, o.WeightDecay, o.ScaleParameter);
            return;
        }
        set.Each((i, values, g) =>
        {
            var parameterRate = o.ScaleParameter ? Rms(values).clamp_min(o.Epsilon2) * rate : tensor((float)rate, device: values.device);
            var squared = g.square().add_(o.Epsilon1);
            var change = g.dim() < 2 ? rows[i].mul_(beta).add_(squared, alpha: 1 - beta).rsqrt().mul_(g) : Factored(squared).mul_(g);
            change.div_((Rms(change) / o.ClipThreshold).clamp_min(1)).mul_(parameterRate);
            if (o.WeightDecay != 0) values.sub_(values * (parameterRate * o.WeightDecay));
            values.sub_(change);

            Tensor Factored(Tensor s)
            {
                rows[i].mul_(beta).add_(s.mean([-1]), alpha: 1 - beta);
                columns[i].mul_(beta).add_(s.mean([-2]), alpha: 1 - beta);
                var row = (rows[i] / rows[i].mean([-1], keepdim: true)).rsqrt().unsqueeze(-1);
                return row * columns[i].rsqrt().unsqueeze(-2);
            }
        });

        static Tensor Rms(Tensor x) => x.square().mean().sqrt();
    }

    /// <summary>The 2-norm of all gradients together: a float32 scalar (float64 of such) on their device, not synchronised.</summary>
    public static Tensor GradNorm(Tensor[] gradients)
    {
        using var _ = no_grad();
        if (gradients.Length == 0) return zeros([], ScalarType.Float32);
        if (gradients[0].dtype != ScalarType.Float64 && s_gradNorm.Get() is { } native) return native.Call(gradients);
        using var scope = NewDisposeScope();
        var squares = Array.ConvertAll(gradients, g => g.Wide().square().sum());
        return stack(squares).sum().sqrt().MoveToOuterDisposeScope();
    }

    // float64 is known to no kernel.
    private static NativeOperator? Native(NativeSlot slot, ParameterSet set) =>
        set.Parameters is not [{ dtype: ScalarType.Float64 }, ..] ? slot.Get() : null;

    private static bool OnCpu(ParameterSet set) =>
        set.Parameters.Length == 0 || set.Parameters[0].device_type == TorchSharp.DeviceType.CPU;
}
