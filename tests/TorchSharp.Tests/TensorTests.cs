using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

public sealed class TensorTests
{
    [Fact]
    public void Arrays_become_tensors_of_their_shape_and_type()
    {
        using var t = tensor(new float[,] { { 1, 2, 3 }, { 4, 5, 6 } });
        Assert.Equal([2L, 3L], t.shape);
        Assert.Equal(ScalarType.Float32, t.dtype);
        Assert.Equal([1f, 2, 3, 4, 5, 6], t.data<float>().ToArray());
        Assert.Equal(6f, t[1, 2].item<float>());
        Assert.Equal([3L, 1L], t.stride());
    }

    [Fact]
    public void Tensor_copies_an_array_and_from_array_does_not()
    {
        float[] data = [1, 2, 3];
        using var copy = tensor(data);
        using var view = from_array(data);
        data[0] = 9;
        Assert.Equal(1f, copy[0].item<float>());
        Assert.Equal(9f, view[0].item<float>());
    }

    [Fact]
    public void Creation_with_another_dtype_converts()
    {
        using var t = tensor(new long[] { 0, 1, 2 }, dtype: ScalarType.BFloat16);
        Assert.Equal(ScalarType.BFloat16, t.dtype);
        Assert.Equal([0f, 1f, 2f], t.to(ScalarType.Float32).data<float>().ToArray());
        Assert.Equal(new BFloat16(2), t.data<BFloat16>()[2]);
        Assert.Equal(ScalarType.Int64, tensor(new[] { 1L }).dtype);
        Assert.Equal(ScalarType.Bool, tensor(true).dtype);
        Assert.Equal(ScalarType.Float64, tensor(1.0).dtype);
    }

    [Fact]
    public void Data_of_another_type_is_refused()
    {
        using var t = ones(2);
        Assert.Throws<ArgumentException>(() => t.data<double>());
        Assert.Throws<ArgumentException>(() => t.item<float>());
    }

    [Theory]
    [InlineData(0, 5, 1, new long[] { 0, 1, 2, 3, 4 })]
    [InlineData(5, 0, -2, new long[] { 5, 3, 1 })]
    public void Arange_of_whole_numbers_is_whole(long start, long stop, long step, long[] expected)
    {
        using var t = arange(start, stop, step);
        Assert.Equal(ScalarType.Int64, t.dtype);
        Assert.Equal(expected, t.data<long>().ToArray());
    }

    [Fact]
    public void Arange_of_fractions_has_the_default_type() => Assert.Equal(ScalarType.Float32, arange(0, 1, 0.25).dtype);

    [Fact]
    public void Full_takes_its_type_from_its_value()
    {
        Assert.Equal(ScalarType.Float32, full(2, 1.5).dtype);
        Assert.Equal(ScalarType.Int64, full(new long[] { 2 }, 7L).dtype);
        Assert.Equal(ScalarType.Int64, full(new long[] { 2 }, true).dtype);
    }

    [SkippableFact]
    public void An_operator_that_fails_throws_libtorchs_message_and_leaves_the_process_usable()
    {
        Provider.NeedsNativeExceptions();
        using var a = ones(2, 3);
        using var b = ones(4, 5);
        var e = Assert.Throws<ExternalException>(() => a.matmul(b));
        Assert.Contains("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", e.Message, StringComparison.Ordinal);
        Assert.Equal(6f, a.sum().item<float>());
    }

    [Fact]
    public void A_disposed_tensor_refuses_to_work()
    {
        var a = ones(2);
        a.Dispose();
        Assert.True(a.IsInvalid);
        Assert.Throws<InvalidOperationException>(() => a.add(a));
    }

    [Fact]
    public void In_place_operators_return_the_same_object()
    {
        using var a = ones(2);
        Assert.Same(a, a.add_(1));
        Assert.Same(a, a.mul_(a).sub_(a).neg_());
        Assert.Equal([0f, 0f], a.data<float>().ToArray());
    }

    [Fact]
    public void Arithmetic_with_numbers_on_either_side()
    {
        using var a = tensor(new float[] { 1, 2, 4 });
        Assert.Equal([3f, 2, 0], (4 - a - 0).data<float>().ToArray().Select(x => x).ToArray());
        Assert.Equal([4f, 2, 1], (4 / a).data<float>().ToArray());
        Assert.Equal([2f, 4, 8], (2 * a).data<float>().ToArray());
        Assert.Equal([1f, 0, 0], (a % 2).data<float>().ToArray());
        Assert.Equal([-1f, -2, -4], (-a).data<float>().ToArray());
        Assert.Equal([false, false, true], (a > 2).data<bool>().ToArray());
        Assert.Equal([1f, 4, 16], a.pow(2).data<float>().ToArray());
        Assert.Equal(ScalarType.Float32, (a + 1.5).dtype);
        using var whole = tensor(new long[] { 1, 2 });
        Assert.Equal(ScalarType.Float32, (whole * 0.5).dtype);
        Assert.Equal(ScalarType.Int64, (whole * 2).dtype);
    }

    [Fact]
    public void Equality_compares_by_element_and_Equals_as_a_whole()
    {
        using var a = tensor(new[] { 1L, 2 });
        using var b = tensor(new[] { 1L, 3 });
        Assert.Equal([true, false], (a == b).data<bool>().ToArray());
        Assert.Equal([true, false], a.equal(b).data<bool>().ToArray());
        Assert.False(a.Equals(b));
        Assert.True(a.Equals(a.clone()));
    }

    [Fact]
    public void Accessors_follow_strides()
    {
        using var t = arange(6).reshape(2, 3).t();
        Assert.False(t.is_contiguous());
        Assert.Equal([0L, 3, 1, 4, 2, 5], t.data<long>().ToArray());
        Assert.Equal(4L, t.data<long>()[1, 1]);
        Assert.Equal(new long[,] { { 0, 3 }, { 1, 4 }, { 2, 5 } }, t.data<long>().ToNDArray());
        Assert.Throws<InvalidOperationException>(() => t.bytes.Length);
        var part = new long[2];
        t.data<long>().CopyTo(part, 0, 2);
        Assert.Equal([1L, 4], part);
    }

    [Fact]
    public void Accessors_write_through()
    {
        using var t = zeros(2, 2);
        t.data<float>()[1, 0] = 5;
        t.data<float>()[1, 1] = 7;
        Assert.Equal([0f, 0, 5, 7], t.data<float>().ToArray());
        t.bytes = new byte[16];
        Assert.Equal(0f, t.sum().item<float>());
    }

    [Fact]
    public void Conversions_share_the_tensor_where_nothing_changes()
    {
        using var a = ones(2);
        using var same = a.to(ScalarType.Float32);
        using var copy = a.to(ScalarType.Float32, copy: true);
        same.add_(1);
        Assert.Equal(2f, a[0].item<float>());
        Assert.Equal(1f, copy[0].item<float>());
        Assert.Equal("cpu", a.device.ToString());
        Assert.Equal(DeviceType.META, a.to(META).device_type);
        Assert.True(zeros(2, device: META).is_meta);
        var moved = ones(1);
        using var converted = moved.to(ScalarType.Int64, disposeAfter: true);
        Assert.True(moved.IsInvalid);
        Assert.Equal(1L, converted.item<long>());
    }

    [Fact]
    public void Scalars_convert_to_numbers()
    {
        using var t = tensor(2.75f);
        Assert.Equal(2.75, (double)t);
        Assert.Equal(2, (int)t);
        Assert.Equal(2.75f, t.ToSingle());
        Assert.Equal(7L, tensor(7L).ToInt64());
        Assert.True(tensor(true).ToBoolean());
        Assert.Equal(3.5f, tensor(3.5f).ToScalar().ToSingle());
    }

    [Fact]
    public void Unknown_numbers_do_not_pass_for_scalars() => Assert.Throws<InvalidOperationException>(() => { Tensor t = (Scalar)1; });

    [Fact]
    public void A_cuda_device_that_is_not_there_is_named()
    {
        if (!cuda.is_available())
            Assert.Contains("CUDA", Assert.Throws<InvalidOperationException>(() => ones(1, device: "cuda")).Message,
                StringComparison.Ordinal);
    }
}
