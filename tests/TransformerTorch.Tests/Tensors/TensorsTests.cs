using TransformerTorch.Layers;
using TransformerTorch.Tensors;
using TransformerTorch.Tests.Support;
using static TorchSharp.torch;

namespace TransformerTorch.Tests.Tensors;

/// <summary>Dimensions, devices, random state, the bridge's absence.</summary>
public class TensorsTests
{
    [Fact]
    public void A_tensor_of_another_rank_is_refused_with_its_shape()
    {
        using var scope = NewDisposeScope();
        var (B, T, C) = zeros(2, 3, 4).Dims3();
        Assert.Equal((2, 3, 4), (B, T, C));
        var error = Assert.Throws<ArgumentException>(() => zeros(2, 3).Dims3());
        Assert.Equal("expected a tensor of rank 3, got shape (2, 3)", error.Message);
    }

    [Theory]
    [InlineData("gpu", "unknown device 'gpu': expected auto, cpu, cuda or cuda:N")]
    [InlineData("cuda:x", "unknown device 'cuda:x': expected auto, cpu, cuda or cuda:N")]
    [InlineData("cuda:99", "no device 'cuda:99'")]
    public void A_device_that_is_not_there_is_named(string name, string message)
        => Assert.StartsWith(message, Assert.Throws<ArgumentException>(() => Devices.Parse(name)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_restored_random_state_draws_the_same_numbers_again()
    {
        using var scope = NewDisposeScope();
        randn(7);
        var state = RandomState.Capture(CPU);
        var first = randn(100);
        RandomState.Restore(CPU, state);
        TensorAssert.Close(first, randn(100), within: 0);
    }

    [Fact]
    public void A_suspended_bridge_is_away_on_this_thread_only_and_comes_back()
    {
        var before = NativeBridge.IsAvailable;
        using (NativeBridge.Suspend())
        {
            Assert.False(NativeBridge.IsAvailable);
            Assert.NotEqual("", NativeBridge.Missing);
            Assert.NotEqual(AttentionKernelKind.Fused, AttentionKernel.Chosen(new AttentionArguments()));
            var elsewhere = false;
            var thread = new Thread(() => elsewhere = NativeBridge.IsAvailable);
            thread.Start();
            thread.Join();
            Assert.Equal(before, elsewhere);
        }
        Assert.Equal(before, NativeBridge.IsAvailable);
    }

    [SkippableFact]
    public void An_operators_error_is_libtorchs_first_line_and_the_process_goes_on()
    {
        Skip.IfNot(NativeBridge.IsAvailable, NativeBridge.Missing);
        using var scope = NewDisposeScope();
        var add = NativeOperator.Find("aten::add", "Tensor")!;
        var error = Assert.Throws<InvalidOperationException>(() => add.Call(ones(2), ones(3), 1L));
        Assert.Contains("must match the size of tensor b", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        TensorAssert.Close(full([2], 3f), add.Call(ones(2), ones(2), 2L), within: 0);
        Assert.Null(NativeOperator.Find("aten::no_such_operator"));
    }
}
