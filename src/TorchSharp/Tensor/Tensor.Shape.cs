using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor reshape(params long[] shape) => s_reshape.Call(this, shape);
        public Tensor view(params long[] shape) => s_view.Call(this, shape);
        public Tensor view_as(Tensor other) => s_view_as.Call(this, other);
        public Tensor expand(params long[] sizes) => s_expand.Call(this, sizes);
        public Tensor expand(long[] sizes, bool isImplicit = false) => s_expand.Call(this, sizes, isImplicit);
        public Tensor expand(ReadOnlySpan<long> sizes, bool isImplicit = false) => s_expand.Call(this, sizes, isImplicit);
        public Tensor expand(Size sizes, bool isImplicit = false) => s_expand.Call(this, sizes.Shape, isImplicit);
        public Tensor expand_as(Tensor other) => s_expand_as.Call(this, other);
        public Tensor broadcast_to(params long[] shape) => s_broadcast_to.Call(this, shape);
        public Tensor permute(params long[] permutation) => s_permute.Call(this, permutation);
        public Tensor permute(IEnumerable<long> permutation) => permute(permutation.ToArray());
        public Tensor transpose(long dim0, long dim1) => s_transpose_int.Call(this, dim0, dim1);
        public Tensor transpose_(long dim0, long dim1) => s_transpose_.InPlace(this, dim0, dim1);
        public Tensor t() => s_t.Call(this);
        public Tensor swapaxes(long dim0, long dim1) => s_swapaxes.Call(this, dim0, dim1);
        public Tensor swapdims(long dim0, long dim1) => s_swapdims.Call(this, dim0, dim1);
        public Tensor movedim(long[] source, long[] destination) => s_movedim_intlist.Call(this, source, destination);
        public Tensor moveaxis(long[] source, long[] destination) => s_movedim_intlist.Call(this, source, destination);
        public Tensor unsqueeze(long dim) => s_unsqueeze.Call(this, dim);
        public Tensor unsqueeze_(long dim) => s_unsqueeze_.InPlace(this, dim);
        public Tensor squeeze(long? dim = null) => dim is { } d ? s_squeeze_dim.Call(this, d) : s_squeeze.Call(this);
        public Tensor flatten(long start_dim = 0, long end_dim = -1) => s_flatten_using_ints.Call(this, start_dim, end_dim);
        public Tensor unflatten(long dim, Size sizes) => s_unflatten_int.Call(this, dim, sizes.Shape);
        public Tensor unflatten(long dim, params long[] sizes) => s_unflatten_int.Call(this, dim, sizes);
        public Tensor ravel() => s_ravel.Call(this);
        public Tensor unfold(long dimension, long size, long step) => s_unfold.Call(this, dimension, size, step);
        public Tensor as_strided(long[] size, long[] strides, long storageOffset = 0) =>
            s_as_strided.Call(this, size, strides, storageOffset);
        public Tensor contiguous() => s_contiguous.Call(this);
        public Tensor clone() => s_clone.Call(this);
        public Tensor alias() => s_alias.Call(this);
        public Tensor repeat(params long[] sizes) => s_repeat.Call(this, sizes);
        public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) =>
            s_repeat_interleave_self_int.Call(this, repeats, dim, output_size);
        public Tensor repeat_interleave(Tensor repeats, long? dim = null, long? output_size = null) =>
            s_repeat_interleave_self_Tensor.Call(this, repeats, dim, output_size);
        public Tensor tile(long[] reps) => s_tile.Call(this, reps);
        public Tensor roll(long shifts, long? dims = null) =>
            s_roll.Call(this, (ReadOnlySpan<long>)[shifts], dims is { } d ? [d] : Array.Empty<long>());
        public Tensor roll(long[] shifts) => s_roll.Call(this, shifts);
        public Tensor roll(long[] shifts, long[] dims) => s_roll.Call(this, shifts, dims);
        public Tensor roll(ReadOnlySpan<long> shifts, ReadOnlySpan<long> dims = default) => s_roll.Call(this, shifts, dims);
        public Tensor flip(params long[] dims) => s_flip.Call(this, dims);
        public Tensor fliplr() => s_fliplr.Call(this);
        public Tensor flipud() => s_flipud.Call(this);
        public Tensor rot90(long k = 1, (long, long)? dims = null) =>
            s_rot90.Call(this, k, dims is { } d ? [d.Item1, d.Item2] : (long[])[0, 1]);
        public Tensor diag(long diagonal = 0) => s_diag.Call(this, diagonal);
        public Tensor diag_embed(long offset = 0, long dim1 = -2, long dim2 = -1) => s_diag_embed.Call(this, offset, dim1, dim2);
        public Tensor diagflat(long offset = 0) => s_diagflat.Call(this, offset);
        public Tensor diagonal(long offset = 0, long dim1 = 0, long dim2 = 1) => s_diagonal.Call(this, offset, dim1, dim2);
        public Tensor tril(long diagonal = 0) => s_tril.Call(this, diagonal);
        public Tensor tril_(long diagonal = 0) => s_tril_.InPlace(this, diagonal);
        public Tensor triu(long diagonal = 0) => s_triu.Call(this, diagonal);
        public Tensor triu_(long diagonal = 0) => s_triu_.InPlace(this, diagonal);
        public Tensor[] split(long size, int dim = 0) => s_split_Tensor.CallList(this, size, dim);
        public Tensor[] split(params long[] sizes) => s_split_with_sizes.CallList(this, sizes);
        public Tensor[] split(long[] sizes, long dim = 0) => s_split_with_sizes.CallList(this, sizes, dim);
        public Tensor[] split(ReadOnlySpan<long> sizes, long dim = 0) => s_split_with_sizes.CallList(this, sizes, dim);
        public Tensor[] chunk(long chunks, long dim = 0) => s_chunk.CallList(this, chunks, dim);
        public Tensor[] unbind(long dimension = 0) => s_unbind_int.CallList(this, dimension);
        public Tensor[] tensor_split(long size, long dim = 0) => s_tensor_split_sections.CallList(this, size, dim);
        public Tensor[] tensor_split(long[] sizes, long dim = 0) => s_tensor_split_indices.CallList(this, sizes, dim);
        public Tensor atleast_1d() => s_atleast_1d.Call(this);
        public Tensor atleast_2d() => s_atleast_2d.Call(this);
        public Tensor atleast_3d() => s_atleast_3d.Call(this);

        private static readonly Op s_reshape = new("reshape");
        private static readonly Op s_view = new("view");
        private static readonly Op s_view_as = new("view_as");
        private static readonly Op s_expand = new("expand");
        private static readonly Op s_expand_as = new("expand_as");
        private static readonly Op s_broadcast_to = new("broadcast_to");
        private static readonly Op s_permute = new("permute");
        private static readonly Op s_transpose_int = new("transpose", "int");
        private static readonly Op s_transpose_ = new("transpose_");
        private static readonly Op s_t = new("t");
        private static readonly Op s_swapaxes = new("swapaxes");
        private static readonly Op s_swapdims = new("swapdims");
        private static readonly Op s_movedim_intlist = new("movedim", "intlist");
        private static readonly Op s_unsqueeze = new("unsqueeze");
        private static readonly Op s_unsqueeze_ = new("unsqueeze_");
        private static readonly Op s_squeeze = new("squeeze");
        private static readonly Op s_squeeze_dim = new("squeeze", "dim");
        private static readonly Op s_flatten_using_ints = new("flatten", "using_ints");
        private static readonly Op s_unflatten_int = new("unflatten", "int");
        private static readonly Op s_ravel = new("ravel");
        private static readonly Op s_unfold = new("unfold");
        private static readonly Op s_as_strided = new("as_strided");
        private static readonly Op s_contiguous = new("contiguous");
        private static readonly Op s_clone = new("clone");
        private static readonly Op s_alias = new("alias");
        private static readonly Op s_repeat = new("repeat");
        private static readonly Op s_repeat_interleave_self_int = new("repeat_interleave", "self_int");
        private static readonly Op s_repeat_interleave_self_Tensor = new("repeat_interleave", "self_Tensor");
        private static readonly Op s_tile = new("tile");
        private static readonly Op s_roll = new("roll");
        private static readonly Op s_flip = new("flip");
        private static readonly Op s_fliplr = new("fliplr");
        private static readonly Op s_flipud = new("flipud");
        private static readonly Op s_rot90 = new("rot90");
        private static readonly Op s_diag = new("diag");
        private static readonly Op s_diag_embed = new("diag_embed");
        private static readonly Op s_diagflat = new("diagflat");
        private static readonly Op s_diagonal = new("diagonal");
        private static readonly Op s_tril = new("tril");
        private static readonly Op s_tril_ = new("tril_");
        private static readonly Op s_triu = new("triu");
        private static readonly Op s_triu_ = new("triu_");
        private static readonly Op s_split_Tensor = new("split", "Tensor");
        private static readonly Op s_split_with_sizes = new("split_with_sizes");
        private static readonly Op s_chunk = new("chunk");
        private static readonly Op s_unbind_int = new("unbind", "int");
        private static readonly Op s_tensor_split_sections = new("tensor_split", "sections");
        private static readonly Op s_tensor_split_indices = new("tensor_split", "indices");
        private static readonly Op s_atleast_1d = new("atleast_1d");
        private static readonly Op s_atleast_2d = new("atleast_2d");
        private static readonly Op s_atleast_3d = new("atleast_3d");
    }
}
