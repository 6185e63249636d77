using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>What becomes of the losses of a batch; the numbers are libtorch's.</summary>
        public enum Reduction : long
        {
            None = 0, Mean = 1, Sum = 2,
        }

        public static partial class functional
        {
            /// <summary>Scores (N, C, ..) against class numbers (N, ..) or class probabilities of the scores' shape.</summary>
            public static Tensor cross_entropy(
                Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100, Reduction reduction = Reduction.Mean,
                double label_smoothing = 0) =>
                s_cross_entropy.Call(input, target, weight, (long)reduction, ignore_index, label_smoothing);

            /// <summary>As cross_entropy, of log-probabilities; -100 is ignored.</summary>
            public static Tensor nll_loss(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
                s_nll_loss.Call(input, target, weight, (long)reduction);

            public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) =>
                s_mse_loss.Call(input, target, (long)reduction);

            public static Tensor l1_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) =>
                s_l1_loss.Call(input, target, (long)reduction);

            public static Tensor smooth_l1_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean, double beta = 1) =>
                s_smooth_l1_loss.Call(input, target, (long)reduction, beta);

            public static Tensor huber_loss(Tensor input, Tensor target, double delta = 1, Reduction reduction = Reduction.Mean) =>
                s_huber_loss.Call(input, target, (long)reduction, delta);

            public static Tensor binary_cross_entropy(
                Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
                s_binary_cross_entropy.Call(input, target, weight, (long)reduction);

            public static Tensor binary_cross_entropy_with_logits(
                Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean, Tensor? pos_weights = null) =>
                s_binary_cross_entropy_with_logits.Call(input, target, weight, pos_weights, (long)reduction);

            public static Tensor kl_div(Tensor input, Tensor target, bool log_target = true, Reduction reduction = Reduction.Mean) =>
                s_kl_div.Call(input, target, (long)reduction, log_target);

            private static readonly Op s_cross_entropy = new("cross_entropy_loss");
            private static readonly Op s_nll_loss = new("nll_loss_nd");
            private static readonly Op s_mse_loss = new("mse_loss");
            private static readonly Op s_l1_loss = new("l1_loss");
            private static readonly Op s_smooth_l1_loss = new("smooth_l1_loss");
            private static readonly Op s_huber_loss = new("huber_loss");
            private static readonly Op s_binary_cross_entropy = new("binary_cross_entropy");
            private static readonly Op s_binary_cross_entropy_with_logits = new("binary_cross_entropy_with_logits");
            private static readonly Op s_kl_div = new("kl_div");
        }
    }
}
