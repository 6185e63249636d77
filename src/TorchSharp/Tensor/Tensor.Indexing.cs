using System.Runtime.CompilerServices;
using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        [IndexerName("TensorItems")]
        public Tensor this[params TensorIndex[] indices] { get => index(indices); set => index_put_(value, indices); }

        [IndexerName("TensorItems")]
        public Tensor this[params Tensor[] indices] { get => index(indices); set => index_put_(value, indices); }

        [IndexerName("TensorItems")]
        public Tensor this[long i1] { get => At([i1]); set => Set(value, [i1]); }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2] { get => At([i1, i2]); set => Set(value, [i1, i2]); }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3] { get => At([i1, i2, i3]); set => Set(value, [i1, i2, i3]); }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4] { get => At([i1, i2, i3, i4]); set => Set(value, [i1, i2, i3, i4]); }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4, long i5] {
            get => At([i1, i2, i3, i4, i5]);
            set => Set(value, [i1, i2, i3, i4, i5]);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4, long i5, long i6] {
            get => At([i1, i2, i3, i4, i5, i6]);
            set => Set(value, [i1, i2, i3, i4, i5, i6]);
        }

        public Tensor index(params TensorIndex[] indices)
        {
            var (view, tensors) = View(indices);
            return tensors is null ? view : Consume(view, s_index.Call(view, Arg.Optional(tensors)));
        }

        public Tensor index(params Tensor[] indices) => s_index.Call(this, Arg.Optional(indices));

        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => index_put_(value, indices, accumulate: false);

        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false)
        {
            var (view, tensors) = View(indices);
            if (tensors is not null)
                s_index_put_.InPlace(view, Arg.Optional(tensors), value, accumulate);
            else if (accumulate)
                view.add_(value);
            else
                view.copy_(value);
            view.Dispose();
            return this;
        }

        public Tensor index_put_(Tensor value, params Tensor[] indices) => index_put_(value, indices, accumulate: false);

        public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false) =>
            s_index_put_.InPlace(this, Arg.Optional(indices), value, accumulate);

        public Tensor index_put_(Scalar value, params TensorIndex[] indices)
        {
            using var tensor = scalar_tensor(value, dtype, device);
            return index_put_(tensor, indices, accumulate: false);
        }

        public Tensor index_put_(Scalar value, params Tensor[] indices)
        {
            using var tensor = scalar_tensor(value, dtype, device);
            return index_put_(tensor, indices, accumulate: false);
        }

        private Tensor At(ReadOnlySpan<long> indices)
        {
            var view = this;
            foreach (var i in indices)
                view = Consume(view, view.select(0, i));
            return view;
        }

        private void Set(Tensor value, ReadOnlySpan<long> indices)
        {
            using var view = At(indices);
            view.copy_(value);
        }

        /// <summary>The view that all but tensors make, and by its dimensions the tensors still to apply.</summary>
        private (Tensor View, Tensor?[]? Tensors) View(TensorIndex[] indices)
        {
            var view = s_alias.Call(this);
            List<Tensor?>? tensors = null;
            var dim = 0;
            for (var i = 0; i < indices.Length; i++) {
                ref var index = ref indices[i];
                switch (index.kind) {
                case TensorIndex.Kind.None:
                    view = Consume(view, view.unsqueeze(dim++));
                    break;
                case TensorIndex.Kind.Ellipsis:
                    dim += (int)view.Dimensions - dim - Consumed(indices.AsSpan(i + 1));
                    break;
                case TensorIndex.Kind.Single:
                    view = Consume(view, view.select(dim, index.start!.Value));
                    break;
                case TensorIndex.Kind.Slice:
                    if (index.start is not null || index.stop is not null || index.step is not null)
                        view = Consume(view, s_slice.Call(view, dim, index.start, index.stop, index.step ?? 1));
                    dim++;
                    break;
                case TensorIndex.Kind.Bool:
                    view = Consume(view, view.unsqueeze(dim));
                    Put(zeros(index.start!.Value, dtype: ScalarType.Int64, device: device), 1);
                    break;
                default:
                    var mask = index.tensor!.dtype is ScalarType.Bool or ScalarType.Byte;
                    Put(index.tensor, mask ? (int)index.tensor.Dimensions : 1);
                    break;
                }
            }
            return (view, tensors?.ToArray());

            void Put(Tensor tensor, int dims)
            {
                tensors ??= [];
                while (tensors.Count < dim - (Masked(tensors) - tensors.Count(t => t is not null && IsMask(t))))
                    tensors.Add(null);
                tensors.Add(tensor);
                dim += dims;
            }
        }

        // aten::index counts a mask as one entry however many dimensions it takes.
        private static int Masked(List<Tensor?> tensors) => tensors.Sum(t => t is not null && IsMask(t) ? (int)t.Dimensions : 0);

        private static bool IsMask(Tensor tensor) => tensor.dtype is ScalarType.Bool or ScalarType.Byte;

        /// <summary>The dimensions that the indices after an ellipsis take.</summary>
        private static int Consumed(ReadOnlySpan<TensorIndex> indices)
        {
            var count = 0;
            foreach (var index in indices)
                count += index.kind switch {
                    TensorIndex.Kind.None or TensorIndex.Kind.Ellipsis or TensorIndex.Kind.Bool => 0,
                    TensorIndex.Kind.Tensor when IsMask(index.tensor!) => (int)index.tensor!.Dimensions,
                    _ => 1,
                };
            return count;
        }

        private Tensor Consume(Tensor view, Tensor result)
        {
            if (!ReferenceEquals(view, this))
                view.Dispose();
            return result;
        }

        private static readonly Op s_slice = new("slice", "Tensor");
        private static readonly Op s_index = new("index", "Tensor");
        private static readonly Op s_index_put_ = new("index_put_");
    }

    /// <summary>A scalar as a tensor of no dimensions, of a given type.</summary>
    internal static Tensor scalar_tensor(Scalar value, ScalarType dtype, Device? device = null) =>
        s_scalar_tensor.Call(value, dtype, Arg.None, device);

    private static readonly Op s_scalar_tensor = new("scalar_tensor");
}
