using static TorchSharp.torch;

namespace TorchSharp.Tests;

public sealed class ScopeTests
{
    private static ThreadDisposeScopeStatistics Statistics => DisposeScopeManager.Statistics;

    [Fact]
    public void A_scope_disposes_what_was_made_in_it()
    {
        Tensor inside;
        using (var scope = NewDisposeScope()) {
            inside = ones(2);
            _ = inside + inside;
            Assert.Equal(2, scope.DisposablesCount);
        }
        Assert.True(inside.IsInvalid);
    }

    [Fact]
    public void A_tensor_moves_outwards_and_leaves_all_scopes()
    {
        Tensor outer, free;
        using (NewDisposeScope()) {
            using (NewDisposeScope()) {
                outer = ones(1).MoveToOuterDisposeScope();
                free = ones(1).MoveToOuterDisposeScope().DetachFromDisposeScope();
            }
            Assert.False(outer.IsInvalid);
        }
        Assert.True(outer.IsInvalid);
        Assert.False(free.IsInvalid);
        free.Dispose();
    }

    [Fact]
    public void A_tensor_moves_to_the_scope_of_another()
    {
        using var far = NewDisposeScope();
        var first = ones(1);
        Tensor second;
        using (NewDisposeScope())
            using (NewDisposeScope())
                second = ones(1).MoveToOtherDisposeScope(first);
        Assert.True(far.Contains(second));
        var free = ones(1).DetachFromDisposeScope();
        Assert.False(far.Contains(free));
        far.Attach(free);
        Assert.True(far.Contains(free));
        far.DisposeEverythingBut(first);
        Assert.True(second.IsInvalid && free.IsInvalid && !first.IsInvalid);
    }

    [Fact]
    public void Disposing_takes_a_tensor_out_of_its_scope()
    {
        using var scope = NewDisposeScope();
        var t = ones(1);
        t.Dispose();
        t.Dispose();
        Assert.Equal(0, scope.DisposablesCount);
    }

    [Fact]
    public void A_scope_that_ends_before_its_inner_one_does_no_harm()
    {
        var outer = NewDisposeScope();
        var inner = NewDisposeScope();
        outer.Dispose();
        var t = ones(1);
        Assert.True(inner.Contains(t));
        inner.Dispose();
        Assert.True(t.IsInvalid);
        Assert.Throws<ObjectDisposedException>(() => inner.DisposablesCount);
    }

    [Fact]
    public void Scopes_belong_to_their_thread()
    {
        using var scope = NewDisposeScope();
        Tensor? made = null;
        var thread = new Thread(() => {
            Assert.Null(CurrentDisposeScope);
            made = ones(1);
        });
        thread.Start();
        thread.Join();
        Assert.False(scope.Contains(made!));
        Assert.Equal(0, scope.DisposablesCount);
        made!.Dispose();
    }

    [Fact]
    public void The_counts_of_a_thread_are_exact()
    {
        Exception? failure = null;
        var thread = new Thread(() => failure = Record.Exception(Counted));
        thread.Start();
        thread.Join();
        Assert.Null(failure);

        static void Counted()
        {
            Statistics.Reset();
            var outside = ones(1);
            using (NewDisposeScope()) {
                var a = ones(1);
                var b = (a + 1).DetachFromDisposeScope();
                b.Dispose();
            }
            Assert.Equal(1, Statistics.CreatedOutsideScopeCount);
            Assert.Equal(2, Statistics.CreatedInScopeCount);
            Assert.Equal(1, Statistics.DisposedInScopeCount);
            Assert.Equal(1, Statistics.DetachedFromScopeCount);
            Assert.Equal(1, Statistics.DisposedOutsideScopeCount);
            Assert.Equal(1, Statistics.ThreadTotalLiveCount);
            outside.Dispose();
            Assert.Equal(0, Statistics.ThreadTotalLiveCount);
        }
    }

    [Fact]
    public void A_parameter_takes_its_datas_place_in_the_scope()
    {
        using var scope = NewDisposeScope();
        var data = ones(2);
        var p = new Modules.Parameter(data);
        Assert.True(data.IsInvalid);
        Assert.True(scope.Contains(p));
        Assert.True(p.requires_grad);
    }

    [Fact]
    public void A_wrapped_expression_hands_out_its_result_alone()
    {
        using var scope = NewDisposeScope();
        var result = WrappedTensorDisposeScope(() => ones(2) + ones(2));
        Assert.Equal(1, scope.DisposablesCount);
        Assert.True(scope.Contains(result));
    }
}
