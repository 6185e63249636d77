using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>Against NumPy's rules, which libtorch follows.</summary>
public sealed class IndexingTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Tensor _t = arange(24).reshape(2, 3, 4);

    public void Dispose() => _scope.Dispose();

    private static long[] Values(Tensor t) => t.data<long>().ToArray();

    [Fact]
    public void Numbers_select()
    {
        Assert.Equal([4L, 5, 6, 7], Values(_t[0, 1]));
        Assert.Equal(23L, _t[-1, -1, -1].item<long>());
        Assert.Equal([3L, 4L], _t[1].shape);
    }

    [Fact]
    public void Slices_ranges_ellipsis_and_new_dimensions()
    {
        Assert.Equal([1L, 3], Values(_t[0, 0, TensorIndex.Slice(1, null, 2)]));
        Assert.Equal([1L, 2], Values(_t[0, 0, 1..3]));
        Assert.Equal([2L, 3], Values(_t[0, 0, ^2..]));
        Assert.Equal([3L, 7, 11, 15, 19, 23], Values(_t[TensorIndex.Ellipsis, -1]));
        Assert.Equal([2L, 1L, 3L, 4L], _t[TensorIndex.Colon, TensorIndex.None].shape);
        Assert.Equal([2L, 3L, 1L], _t[.., .., 0..1].shape);
        Assert.Equal([2L, 3L, 4L, 1L], _t[TensorIndex.Ellipsis, TensorIndex.Null].shape);
    }

    [Fact]
    public void Tensors_gather_and_masks_select()
    {
        Assert.Equal([1L, 3L, 4L], _t[tensor(new[] { 1L })].shape);
        Assert.Equal([4L, 16], Values(_t[TensorIndex.Colon, TensorIndex.Tensor(tensor(1L)), 0]));
        Assert.Equal([20L, 21, 22, 23], Values(_t[_t > 19]));
        Assert.Equal([2L, 4], _t[TensorIndex.Colon, TensorIndex.Tensor(tensor(new[] { false, true, false })),
            TensorIndex.Colon].squeeze(1).shape);
        Assert.Equal([0L, 5], Values(_t[0][arange(2), arange(2)]));
        Assert.Equal([5L, 7, 17, 19], Values(_t[TensorIndex.Colon, 1, TensorIndex.Tensor(tensor(new[] { 1L, 3 }))]));
        Assert.Equal([2L, 2L], _t[TensorIndex.Ellipsis, 0, TensorIndex.Tensor(tensor(new[] { 1L, 3 }))].shape);
    }

    [Fact]
    public void A_two_dimensional_mask_takes_two_dimensions()
    {
        using var mask = _t[TensorIndex.Colon, TensorIndex.Colon, 0] > 10;
        Assert.Equal([3L, 2L], _t[TensorIndex.Tensor(mask), 1..3].shape);
        Assert.Equal([13L, 14, 17, 18, 21, 22], Values(_t[TensorIndex.Tensor(mask), 1..3]));
    }

    [Fact]
    public void Assignment_writes_through_every_kind_of_index()
    {
        _t[0, 0, 0] = tensor(100L);
        _t[1, TensorIndex.Colon, 0] = tensor(new[] { -1L, -2, -3 });
        _t[_t > 20] = tensor(0L);
        Assert.Equal(0L, _t[0, 0, 0].item<long>());
        Assert.Equal([-1L, -2, -3], Values(_t[1, .., 0]));
        Assert.Equal(0L, _t[1, 2, 3].item<long>());
        _t[TensorIndex.Tensor(tensor(new[] { 0L })), 1] = full(new long[] { 1, 4 }, 8L);
        Assert.Equal([8L, 8, 8, 8], Values(_t[0, 1]));
        _t.index_put_(5, TensorIndex.Single(0), TensorIndex.Single(2));
        Assert.Equal([5L, 5, 5, 5], Values(_t[0, 2]));
        _t.index_put_(tensor(2L), [tensor(new[] { 0L, 0 }), tensor(new[] { 2L, 2 })], accumulate: true);
        Assert.Equal([9L, 9, 9, 9], Values(_t[0, 2]));
    }

    [Fact]
    public void Indexing_is_differentiable()
    {
        using var x = ones(3, 2, requires_grad: true);
        (x[1..] * 2).sum().backward();
        Assert.Equal([0f, 0, 2, 2, 2, 2], x.grad!.data<float>().ToArray());
    }

    [SkippableFact]
    public void A_number_out_of_range_fails()
    {
        Provider.NeedsNativeExceptions();
        Assert.ThrowsAny<Exception>(() => _t[5]);
    }
}
