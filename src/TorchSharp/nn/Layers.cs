using System.Diagnostics.CodeAnalysis;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    namespace Modules
    {
        /// <summary>y = x Wᵀ + b, with W (out, in) drawn as PyTorch draws it.</summary>
        public sealed class Linear : Module<Tensor, Tensor>
        {
            [ComponentName(Name = nameof(weight))] private Parameter? _weight;
            [ComponentName(Name = nameof(bias))] private Parameter? _bias;

            internal Linear(Parameter weight, Parameter? bias) : base(nameof(Linear))
            {
                (in_features, out_features) = (weight.size(1), weight.size(0));
                (this.weight, this.bias) = (weight, bias);
            }

            internal Linear(long inputSize, long outputSize, bool hasBias, Device? device, ScalarType? dtype)
                : this(empty(outputSize, inputSize, dtype, device).AsParameter(), hasBias ? empty(outputSize, dtype,
                    device).AsParameter() : null)
            {
                init.kaiming_uniform_(weight, a: Math.Sqrt(5));
                var bound = inputSize > 0 ? 1 / Math.Sqrt(inputSize) : 0;
                if (bias is not null)
                    init.uniform_(bias, -bound, bound);
            }

            public long in_features { get; set; }

            public long out_features { get; set; }

            public Parameter weight { get => _weight!; set => ConditionallyRegisterParameter(nameof(weight), Replace(ref _weight, value)); }

            public Parameter? bias { get => _bias; set => ConditionallyRegisterParameter(nameof(bias), Replace(ref _bias, value)); }

            public override Tensor forward(Tensor tensor) => functional.linear(tensor, weight, bias);
        }

        /// <summary>A table of vectors, looked up by number.</summary>
        public sealed class Embedding : Module<Tensor, Tensor>
        {
            [ComponentName(Name = nameof(weight))] private Parameter? _weight;
            private readonly long _padding;
            private readonly double? _maxNorm;
            private readonly double _normType;
            private readonly bool _scaleByFrequency, _sparse;

            internal Embedding(Parameter weight, long? padding, double? maxNorm, double normType, bool scaleByFrequency, bool sparse)
                : base(nameof(Embedding))
            {
                (this.weight, _padding, _maxNorm, _normType) = (weight, padding ?? -1, maxNorm, normType);
                (_scaleByFrequency, _sparse) = (scaleByFrequency, sparse);
            }

            [DisallowNull]
            public Parameter? weight { get => _weight; set => ConditionallyRegisterParameter(nameof(weight), Replace(ref _weight, value)); }

            public override Tensor forward(Tensor input)
            {
                if (_maxNorm is { } most) {
                    using var frozen = no_grad();
                    s_renorm.InPlace(weight!, input, most, _normType);
                }
                return s_embedding.Call(weight, input, _padding, _scaleByFrequency, _sparse);
            }

            private static readonly Native.Op s_embedding = new("embedding");
            private static readonly Native.Op s_renorm = new("embedding_renorm_");
        }

        /// <summary>Centres and scales over the last dimensions, then weight and bias.</summary>
        public sealed class LayerNorm : Module<Tensor, Tensor>
        {
            [ComponentName(Name = nameof(weight))] private Parameter? _weight;
            [ComponentName(Name = nameof(bias))] private Parameter? _bias;

            internal LayerNorm(long[] shape, double eps, bool affine, bool bias, Device? device,
                ScalarType? dtype) : base(nameof(LayerNorm))
            {
                (normalized_shape, this.eps, elementwise_affine) = (shape, eps, affine);
                if (affine)
                    weight = ones(shape, dtype, device).AsParameter();
                if (affine && bias)
                    this.bias = zeros(shape, dtype, device).AsParameter();
            }

            public long[] normalized_shape { get; set; }

            public double eps { get; set; }

            public bool elementwise_affine { get; set; }

            public Parameter? weight { get => _weight; set => ConditionallyRegisterParameter(nameof(weight), Replace(ref _weight, value)); }

            public Parameter? bias { get => _bias; set => ConditionallyRegisterParameter(nameof(bias), Replace(ref _bias, value)); }

            public override Tensor forward(Tensor tensor) => functional.layer_norm(tensor, normalized_shape, weight, bias, eps);

            public void reset_parameters()
            {
                if (weight is not null)
                    init.ones_(weight);
                if (bias is not null)
                    init.zeros_(bias);
            }
        }
    }

    public static partial class torch
    {
        public static partial class nn
        {
            public static Modules.Linear Linear(
                long inputSize, long outputSize, bool hasBias = true, Device? device = null, ScalarType? dtype = null) =>
                new(inputSize, outputSize, hasBias, device, dtype);

            public static Modules.Linear Linear(Modules.Parameter weight, Modules.Parameter? bias = null) => new(weight, bias);

            public static Modules.Embedding Embedding(
                long num_embeddings, long embedding_dims, long? padding_idx = null, double? max_norm = null, double norm_type = 2,
                bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null)
            {
                var weight = empty(num_embeddings, embedding_dims, dtype, device).AsParameter();
                init.normal_(weight);
                if (padding_idx is { } padding) {
                    using var frozen = no_grad();
                    using var row = weight[padding];
                    row.zero_();
                }
                return new(weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse);
            }

            public static Modules.Embedding Embedding_from_pretrained(
                Tensor embeddings, bool freeze = true, long? padding_idx = null, double? max_norm = null, double norm_type = 2,
                bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null)
            {
                var weight = embeddings.to(dtype ?? embeddings.dtype, device ?? embeddings.device).detach();
                return new(new(weight, !freeze), padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse);
            }

            public static Modules.LayerNorm LayerNorm(
                long[] normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true, Device? device = null,
                ScalarType? dtype = null) => new(normalized_shape, eps, elementwise_affine, bias, device, dtype);

            public static Modules.LayerNorm LayerNorm(
                long normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true, Device? device = null,
                ScalarType? dtype = null) => new([normalized_shape], eps, elementwise_affine, bias, device, dtype);

            public partial class Module
            {
                /// <summary>Puts a parameter, out of every scope, where another was; the other is disposed.</summary>
                private protected static Modules.Parameter? Replace(ref Modules.Parameter? place, Modules.Parameter? value)
                {
                    if (!ReferenceEquals(place, value))
                        place?.Dispose();
                    value?.DetachFromDisposeScope();
                    return place = value;
                }
            }
        }
    }
}
