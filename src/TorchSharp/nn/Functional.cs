using TorchSharp.Native;

namespace TorchSharp;

/// <summary>What fills the border.</summary>
public enum PaddingModes
{
    Zeros = 0, Reflect = 1, Replicate = 2, Circular = 3, Constant = 4,
}

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) => s_linear.Call(input, weights, bias);

            public static Tensor layer_norm(
                Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-05) =>
                s_layer_norm.Call(input, normalized_shape, weight, bias, eps);

            public static Tensor group_norm(Tensor input, long num_groups, Tensor? weight = null, Tensor? bias = null,
                double eps = 1e-05) =>
                s_group_norm.Call(input, num_groups, weight, bias, eps);

            /// <param name="query">(.., Tq, D).</param>
            /// <param name="key">(.., Tk, D).</param>
            /// <param name="value">(.., Tk, Dv).</param>
            /// <param name="attn_mask">Added to the scores, or true where a key may be seen; (.., Tq, Tk).</param>
            /// <param name="p">The share of weights that dropout sets to zero.</param>
            /// <param name="is_casual">Query i sees keys up to i. Not together with a mask.</param>
            public static Tensor scaled_dot_product_attention(
                Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null, double p = 0, bool is_casual = false)
            {
                if (p < 0)
                    throw new ArgumentException("Dropout probability must be greater than or equal to zero.");
                if (is_casual && attn_mask is not null)
                    throw new ArgumentException("Casual attention masking cannot pass a mask.");
                return s_attention.Call(query, key, value, attn_mask, p, is_casual);
            }

            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                inplace ? s_dropout_.InPlace(input, p, training) : s_dropout.Call(input, p, training);

            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

            public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);

            public static Tensor one_hot(Tensor x, long num_classes = -1) => s_one_hot.Call(x, num_classes);

            public static Tensor normalize(Tensor input, double p = 2, long dim = 1, double eps = 1e-12)
            {
                using var norm = s_norm.Call(input, p, (ReadOnlySpan<long>)[dim], true);
                using var least = norm.clamp_min(eps);
                return input / least;
            }

            public static Tensor cosine_similarity(Tensor x1, Tensor x2, long dim = 1, double eps = 1e-08) =>
                s_cosine_similarity.Call(x1, x2, dim, eps);

            public static Tensor pad(Tensor input, long[] pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, (ReadOnlySpan<long>)pad, mode, value);

            public static Tensor pad(Tensor input, ReadOnlySpan<long> pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                s_pad.Call(input, pad, Name(mode), mode is PaddingModes.Constant or PaddingModes.Zeros ? value : Arg.None);

            public static Tensor pad(Tensor input, long pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, (ReadOnlySpan<long>)[pad, pad], mode, value);

            public static Tensor pad(Tensor input, (long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, (ReadOnlySpan<long>)[pad.Item1, pad.Item2], mode, value);

            public static Tensor pad(Tensor input, (long, long, long, long) pad, PaddingModes mode = PaddingModes.Constant,
                double value = 0) =>
                functional.pad(input, (ReadOnlySpan<long>)[pad.Item1, pad.Item2, pad.Item3, pad.Item4], mode, value);

            public static Tensor conv1d(
                Tensor input, Tensor weight, Tensor? bias = null, long? stride = null, long? padding = null, long? dilation = null,
                long groups = 1) => s_conv1d.Call(
                input, weight, bias, (ReadOnlySpan<long>)[stride ?? 1], (ReadOnlySpan<long>)[padding ?? 0],
                (ReadOnlySpan<long>)[dilation ?? 1], groups);

            public static Tensor conv2d(
                Tensor input, Tensor weight, Tensor? bias = null, long[]? strides = null, long[]? padding = null, long[]? dilation = null,
                long groups = 1) => s_conv2d.Call(input, weight, bias, strides ?? [1], padding ?? [0], dilation ?? [1], groups);

            private static Arg Name(PaddingModes mode) => mode switch {
                PaddingModes.Reflect => "reflect"u8,
                PaddingModes.Replicate => "replicate"u8,
                PaddingModes.Circular => "circular"u8,
                _ => "constant"u8,
            };

            private static readonly Op s_linear = new("linear");
            private static readonly Op s_layer_norm = new("layer_norm");
            private static readonly Op s_group_norm = new("group_norm");
            private static readonly Op s_attention = new("scaled_dot_product_attention");
            private static readonly Op s_dropout = new("dropout");
            private static readonly Op s_dropout_ = new("dropout_");
            private static readonly Op s_one_hot = new("one_hot");
            private static readonly Op s_norm = new("norm", "ScalarOpt_dim");
            private static readonly Op s_cosine_similarity = new("cosine_similarity");
            private static readonly Op s_pad = new("pad");
            private static readonly Op s_conv1d = new("conv1d");
            private static readonly Op s_conv2d = new("conv2d");
        }
    }
}
