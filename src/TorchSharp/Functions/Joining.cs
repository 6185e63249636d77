using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public static Tensor cat(IList<Tensor> tensors, long dim = 0) => s_cat.Call(tensors.ToArray(), dim);
    public static Tensor cat(Tensor[] tensors, long dim = 0) => s_cat.Call(tensors, dim);
    public static Tensor cat(ReadOnlySpan<Tensor> tensors, long dim = 0) => s_cat.Call(tensors, dim);
    public static Tensor concat(IList<Tensor> tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(Tensor[] tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(ReadOnlySpan<Tensor> tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concatenate(IList<Tensor> tensors, long axis = 0) => cat(tensors, axis);
    public static Tensor concatenate(Tensor[] tensors, long axis = 0) => cat(tensors, axis);
    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => s_stack.Call(tensors.ToArray(), dim);
    public static Tensor hstack(IList<Tensor> tensors) => s_hstack.Call(tensors.ToArray());
    public static Tensor hstack(params Tensor[] tensors) => s_hstack.Call(tensors);
    public static Tensor vstack(IList<Tensor> tensors) => s_vstack.Call(tensors.ToArray());
    public static Tensor vstack(Tensor[] tensors) => s_vstack.Call(tensors);
    public static Tensor block_diag(params Tensor[] tensors) => s_block_diag.Call(tensors);
    public static Tensor cartesian_prod(params Tensor[] tensors) => s_cartesian_prod.Call(tensors);
    public static Tensor[] meshgrid(IEnumerable<Tensor> tensors, string indexing = "ij") => s_meshgrid.CallList(tensors.ToArray(),
        indexing);
    public static Tensor where(Tensor condition, Tensor x, Tensor y) => x.where(condition, y);
    public static Tensor[] where(Tensor condition) => s_where.CallList(condition);
    public static Tensor einsum(string equation, params Tensor[] tensors) => s_einsum.Call(equation, tensors);
    public static Tensor searchsorted(
        Tensor sorted_sequence, Tensor values, bool out_int32 = false, bool right = false, Tensor? sorter = null) =>
        s_searchsorted.Call(sorted_sequence, values, out_int32, right, Arg.None, sorter);

    private static readonly Op s_cat = new("cat");
    private static readonly Op s_stack = new("stack");
    private static readonly Op s_hstack = new("hstack");
    private static readonly Op s_vstack = new("vstack");
    private static readonly Op s_block_diag = new("block_diag");
    private static readonly Op s_cartesian_prod = new("cartesian_prod");
    private static readonly Op s_meshgrid = new("meshgrid", "indexing");
    private static readonly Op s_where = new("where");
    private static readonly Op s_einsum = new("einsum");
    private static readonly Op s_searchsorted = new("searchsorted", "Tensor");
}
