using static TorchSharp.torch;

namespace TorchSharp.Tests;

public sealed class AutogradTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Backward_accumulates_into_leaves()
    {
        var x = tensor(new float[] { 1, 2 }, requires_grad: true);
        Assert.True(x.is_leaf);
        Assert.Null(x.grad);
        (x * x).sum().backward();
        (x * x).sum().backward();
        Assert.Equal([4f, 8], x.grad!.data<float>().ToArray());
        x.grad = null;
        Assert.Null(x.grad);
        x.grad = ones(2);
        Assert.Equal([1f, 1], x.grad!.data<float>().ToArray());
    }

    [Fact]
    public void Backward_takes_gradients_of_outputs_and_chosen_inputs()
    {
        var (a, b) = (ones(2, requires_grad: true), ones(2, requires_grad: true));
        (a * b * 3).backward([tensor(new float[] { 1, 2 })], inputs: [a]);
        Assert.Equal([3f, 6], a.grad!.data<float>().ToArray());
        Assert.Null(b.grad);
    }

    [Fact]
    public void Gradients_can_be_returned_and_differentiated_again()
    {
        var x = tensor(3f, requires_grad: true);
        var first = autograd.grad([x.pow(3)], [x], create_graph: true)[0];
        Assert.Equal(27f, first.item<float>());
        Assert.Equal(18f, autograd.grad([first], [x])[0].item<float>());
        Assert.Null(x.grad);
    }

    [Fact]
    public void Nothing_is_recorded_without_grad()
    {
        var x = ones(2, requires_grad: true);
        using (no_grad()) {
            Assert.False(is_grad_enabled());
            Assert.False((x * 2).requires_grad);
            using (enable_grad())
                Assert.True((x * 2).requires_grad);
            x.add_(1);
        }
        Assert.True(is_grad_enabled());
        Assert.True((x * 2).requires_grad);
        Assert.False((x * 2).detach().requires_grad);
        using (set_grad_enabled(false))
            Assert.False(is_grad_enabled());
    }

    [Fact]
    public void Inference_mode_ends_with_its_scope()
    {
        using (inference_mode()) {
            Assert.True(is_inference_mode_enabled());
            Assert.False((ones(1, requires_grad: true) * 2).requires_grad);
        }
        Assert.False(is_inference_mode_enabled());
    }

    [Fact]
    public void The_mode_is_the_threads_own()
    {
        using var frozen = no_grad();
        var elsewhere = false;
        var thread = new Thread(() => elsewhere = is_grad_enabled());
        thread.Start();
        thread.Join();
        Assert.True(elsewhere);
    }

    [Fact]
    public void Inner_gradients_are_kept_where_asked()
    {
        var x = ones(1, requires_grad: true);
        var y = x * 2;
        y.retain_grad();
        (y * 3).backward();
        Assert.Equal(3f, y.grad!.item<float>());
        Assert.False(y.is_leaf);
    }

    [SkippableFact]
    public void A_leaf_cannot_be_changed_in_place_while_it_is_recorded()
    {
        Provider.NeedsNativeExceptions();
        var x = ones(2, requires_grad: true);
        var e = Assert.ThrowsAny<Exception>(() => x.add_(1));
        Assert.Contains("leaf Variable that requires grad", e.Message, StringComparison.Ordinal);
    }
}
