using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor select(long dim, long index) => s_select_int.Call(this, dim, index);
        public Tensor narrow(long dim, long start, long length) => s_narrow.Call(this, dim, start, length);
        public Tensor slice(long dim, long start, long finish, long step) => s_slice_Tensor.Call(this, dim, start, finish, step);
        public Tensor gather(long dim, Tensor index) => s_gather.Call(this, dim, index);
        public Tensor scatter(long dim, Tensor index, Tensor src) => s_scatter_src.Call(this, dim, index, src);
        public Tensor scatter_(long dim, Tensor index, Tensor src) => s_scatter__src.InPlace(this, dim, index, src);
        public Tensor scatter_add(long dim, Tensor index, Tensor src) => s_scatter_add.Call(this, dim, index, src);
        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => s_scatter_add_.InPlace(this, dim, index, src);
        public Tensor index_select(long dim, Tensor index) => s_index_select.Call(this, dim, index);
        public Tensor index_add(long dim, Tensor index, Tensor source, Scalar alpha) => s_index_add.Call(this, dim, index, source, alpha);
        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha) =>
            s_index_add_.InPlace(this, dim, index, source, alpha);
        public Tensor index_copy(long dim, Tensor index, Tensor source) => s_index_copy.Call(this, dim, index, source);
        public Tensor index_copy_(long dim, Tensor index, Tensor source) => s_index_copy_.InPlace(this, dim, index, source);
        public Tensor index_fill(long dim, Tensor index, Scalar value) => s_index_fill_int_Scalar.Call(this, dim, index, value);
        public Tensor index_fill_(long dim, Tensor index, Scalar value) => s_index_fill__int_Scalar.InPlace(this, dim, index, value);
        public Tensor select_scatter(Tensor src, long dim, long index) => s_select_scatter.Call(this, src, dim, index);
        public Tensor slice_scatter(Tensor src, long dim = 0, long? start = null, long? end = null, long step = 1) =>
            s_slice_scatter.Call(this, src, dim, start, end, step);
        public Tensor masked_fill(Tensor mask, Scalar value) => s_masked_fill_Scalar.Call(this, mask, value);
        public Tensor masked_fill_(Tensor mask, Scalar value) => s_masked_fill__Scalar.InPlace(this, mask, value);
        public Tensor masked_select(Tensor mask) => s_masked_select.Call(this, mask);
        public Tensor masked_scatter(Tensor mask, Tensor value) => s_masked_scatter.Call(this, mask, value);
        public Tensor masked_scatter_(Tensor mask, Tensor value) => s_masked_scatter_.InPlace(this, mask, value);
        public Tensor take(Tensor index) => s_take.Call(this, index);
        public Tensor take_along_dim(Tensor indices) => s_take_along_dim.Call(this, indices);
        public Tensor take_along_dim(Tensor indices, long dim) => s_take_along_dim.Call(this, indices, dim);
        public Tensor where(Tensor condition, Tensor y) => s_where_self.Call(condition, this, y);
        public Tensor nonzero() => s_nonzero.Call(this);
        public Tensor argwhere() => s_argwhere.Call(this);
        public (Tensor, Tensor, Tensor) unique(bool sorted = true, bool return_inverse = false, bool return_counts = false,
            int? dim = null) =>
            dim is { } d ? s_unique_dim.CallTriple(this, d, sorted, return_inverse, return_counts)
                : s__unique2.CallTriple(this, sorted, return_inverse, return_counts);
        public (Tensor, Tensor, Tensor) unique_consecutive(bool return_inverse = false, bool return_counts = false, int? dim = null) =>
            s_unique_consecutive.CallTriple(this, return_inverse, return_counts, dim);
        public Tensor bucketize(Tensor boundaries, bool outInt32 = false, bool right = false) =>
            s_bucketize_Tensor.Call(this, boundaries, outInt32, right);
        public Tensor copy_(Tensor source, bool nonBlocking = false) => s_copy_.InPlace(this, source, nonBlocking);
        public Tensor fill_(Scalar value) => s_fill__Scalar.InPlace(this, value);
        public Tensor zero_() => s_zero_.InPlace(this);
        public Tensor set_(Tensor source) => s_set__source_Tensor.InPlace(this, source);

        private static readonly Op s_select_int = new("select", "int");
        private static readonly Op s_narrow = new("narrow");
        private static readonly Op s_slice_Tensor = new("slice", "Tensor");
        private static readonly Op s_gather = new("gather");
        private static readonly Op s_scatter_src = new("scatter", "src");
        private static readonly Op s_scatter__src = new("scatter_", "src");
        private static readonly Op s_scatter_add = new("scatter_add");
        private static readonly Op s_scatter_add_ = new("scatter_add_");
        private static readonly Op s_index_select = new("index_select");
        private static readonly Op s_index_add = new("index_add");
        private static readonly Op s_index_add_ = new("index_add_");
        private static readonly Op s_index_copy = new("index_copy");
        private static readonly Op s_index_copy_ = new("index_copy_");
        private static readonly Op s_index_fill_int_Scalar = new("index_fill", "int_Scalar");
        private static readonly Op s_index_fill__int_Scalar = new("index_fill_", "int_Scalar");
        private static readonly Op s_select_scatter = new("select_scatter");
        private static readonly Op s_slice_scatter = new("slice_scatter");
        private static readonly Op s_masked_fill_Scalar = new("masked_fill", "Scalar");
        private static readonly Op s_masked_fill__Scalar = new("masked_fill_", "Scalar");
        private static readonly Op s_masked_select = new("masked_select");
        private static readonly Op s_masked_scatter = new("masked_scatter");
        private static readonly Op s_masked_scatter_ = new("masked_scatter_");
        private static readonly Op s_take = new("take");
        private static readonly Op s_take_along_dim = new("take_along_dim");
        private static readonly Op s_where_self = new("where", "self");
        private static readonly Op s__unique2 = new("_unique2");
        private static readonly Op s_unique_dim = new("unique_dim");
        private static readonly Op s_nonzero = new("nonzero");
        private static readonly Op s_argwhere = new("argwhere");
        private static readonly Op s_unique_consecutive = new("unique_consecutive");
        private static readonly Op s_bucketize_Tensor = new("bucketize", "Tensor");
        private static readonly Op s_copy_ = new("copy_");
        private static readonly Op s_fill__Scalar = new("fill_", "Scalar");
        private static readonly Op s_zero_ = new("zero_");
        private static readonly Op s_set__source_Tensor = new("set_", "source_Tensor");
    }
}
